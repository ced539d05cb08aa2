"""Operations on the functions that read a shared stream."""

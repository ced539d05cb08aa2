"""Networks: endpoints and what functions reach through them."""

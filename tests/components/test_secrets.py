"""What a stack file keeps secret is found where it is encrypted."""

from pathlib import Path

import pytest

from components.errors import SettingsError
from components.secrets import secret_texts

pytestmark = pytest.mark.pure

KEY = "tributary:architectures"
FOUND = {"on": {"externalId": "very-hidden", "kind": "plain"}}


def test_the_encrypted_texts_are_found(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.poc.yaml"
    file.write_text(f"config:\n  {KEY}:\n    on: {{externalId: {{secure: v1:abc}}, kind: plain}}\n")
    assert secret_texts(file, KEY, FOUND) == {"very-hidden"}


@pytest.mark.parametrize("content", [None, "config:\n  aws:region: eu-west-1\n"])
def test_settings_of_another_file_are_told_with_what_to_type(tmp_path: Path, content: str | None) -> None:
    """As by `--config-file`: which part is secret is not told by the engine."""
    file = tmp_path / "Pulumi.poc.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match="Keep it in that file, and type the same command without `--config-file`"):
        secret_texts(file, KEY, FOUND)

"""Images are built here, because a rehearsal pulls nothing."""

from pathlib import Path

import pytest

from provisioning.rehearsal.images import DOCKERFILES, SWARM, third_party


def test_images_from_elsewhere_are_found_in_stack_files(tmp_path: Path) -> None:
    stack = tmp_path / "stack.yml"
    stack.write_text(
        "services:\n"
        "  a: {}\n"
        "    image: ${MIRROR:-}traefik:v3.7.15\n"
        '    image: "${MIRROR}certbot/certbot:v4.0.0"\n'
        "    image: ${IMAGE}\n"
    )
    assert third_party([stack]) == {"traefik:v3.7.15", "certbot/certbot:v4.0.0"}


@pytest.mark.parametrize("image", sorted(third_party(SWARM.glob("*.yml"))))
def test_every_image_that_a_stack_uses_can_be_built(image: str) -> None:
    name = image.split(":")[0].split("/")[-1]
    assert (DOCKERFILES / name / "Dockerfile").is_file()

"""Build images from Dockerfiles and push them to the rehearsal's registry: nothing is pulled."""

from __future__ import annotations

import functools
import re
import shlex
import tempfile
from collections.abc import Iterable
from pathlib import Path

from provisioning.errors import OperatorError
from provisioning.rehearsal import trees
from provisioning.rehearsal.authority import AUTHORITY
from provisioning.rehearsal.layout import CACHE, REGISTRY, SERVICES
from provisioning.rehearsal.system import run, step

PROJECT = Path(__file__).parents[2]
DOCKERFILES = Path(__file__).parent / "images"
SWARM = PROJECT / "swarm"
BASE = "python:3.13-slim"  # what every Dockerfile here starts from
SHOP = "bookstore:latest"

# Runs buildah in the cloud's tree, with the machine's own network, in a mount namespace that takes
# every mount with it when it ends.
BUILDER = """set -e
scratch=$(mktemp -d)
trap 'cd /; umount -l "$scratch"; rmdir "$scratch"' EXIT
mount -t tmpfs tmpfs "$scratch"; cd "$scratch"; mkdir upper work root
layers="lowerdir=$TREES/cloud:$TREES/host,upperdir=$PWD/upper,workdir=$PWD/work"
mount -t overlay overlay -o "$layers" root
mount -t proc proc root/proc; mount -t tmpfs tmpfs root/tmp; mount -t tmpfs tmpfs root/run
mount --rbind /dev root/dev; mount --rbind /sys root/sys
mkdir -p root/var/lib/containers root/context root/dockerfiles root/etc/containers
mount --bind "$STORE" root/var/lib/containers
mount --bind -o ro "$CONTEXT" root/context; mount --bind -o ro "$DOCKERFILES" root/dockerfiles
cat /etc/resolv.conf > root/etc/resolv.conf
{ cat /etc/hosts; echo "$HOSTS"; } > root/etc/hosts
cat /etc/ssl/certs/ca-certificates.crt "$AUTHORITY" > root/etc/ssl/certs/ca-certificates.crt
cat > root/etc/containers/containers.conf <<END
[containers]
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=$(ulimit -Hu):$(ulimit -Hu)"]
END
chroot root sh -ec "$SCRIPT"
"""


def third_party(stacks: Iterable[Path]) -> set[str]:
    """List the images, as name:version, that stack files take from elsewhere."""
    pattern = re.compile(r"image: *[\"']?\$\{MIRROR[^}]*\}([\w./-]+:[\w.-]+)")
    return {image for path in stacks for image in pattern.findall(path.read_text("utf-8"))}


def stack_files() -> list[Path]:
    """List what a swarm runs: the compose files are for one machine."""
    return sorted(set(SWARM.glob("*.yml")) - set(SWARM.glob("compose*.yml")))


def provide(files: Iterable[Path]) -> None:
    """Build and push every image that stack files name, and the shop's."""
    for image in sorted(third_party(files)):
        folder = DOCKERFILES / image.split(":")[0].split("/")[-1]
        if not (folder / "Dockerfile").is_file():
            raise OperatorError(
                f"A stack file uses the image {image}. The rehearsal cannot pull: "
                f"add {folder.relative_to(PROJECT)}/Dockerfile to build it from packages."
            )
        with step(f"Image {image}"):
            build(image, folder)
    build_shop()


def build_shop(image: str = SHOP) -> str:
    """Build the shop from the working tree, push it, and give its reference by digest."""
    with step(f"Image {image}"):
        return build(image, PROJECT)


def relabel_shop(label: str) -> str:
    """Build the shop as it is as another release, push it, and give its reference by digest."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Dockerfile").write_text(f"FROM {SHOP}\nLABEL release={label}\n")
        return build(f"bookstore:{label}", Path(folder))


def build(image: str, context: Path) -> str:
    """Build an image from a folder with a Dockerfile, push it, give its reference by digest."""
    _provide_base()
    return _buildah(image, context, push=True)


@functools.cache
def _provide_base() -> None:
    context = trees.folder()
    authorities = context / "authorities.crt"
    bundle = Path("/etc/ssl/certs/ca-certificates.crt").read_bytes()
    if not authorities.exists() or authorities.read_bytes() != bundle:
        authorities.write_bytes(bundle)
    _buildah(BASE, context, dockerfile="/dockerfiles/python/Dockerfile")


def _buildah(image: str, context: Path, *, dockerfile: str = "", push: bool = False) -> str:
    """Run buildah; layers that are cached are not made again."""
    store = CACHE / "containers"
    store.mkdir(parents=True, exist_ok=True)
    remote = f"{REGISTRY}/{image}"
    build_ = [
        *("buildah", "build", "--quiet", "--isolation", "chroot", "--network", "host", "--layers"),
        *("--pull=never", "--format", "docker", "--build-arg", f"VERSION={image.split(':')[1]}"),
        *("--file", dockerfile or "/context/Dockerfile", "--tag", f"localhost/{image}", "/context"),
    ]
    push_ = [
        *("buildah", "push", "--quiet", "--compression-level", "1", "--digestfile", "/digest"),
        *(f"localhost/{image}", f"docker://{remote}"),
    ]
    script = shlex.join(build_)
    if push:
        script += f"; {shlex.join(push_)}; cat /digest"
    output = run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", BUILDER],
        env={
            "TREES": str(trees.folder()),
            "STORE": str(store),
            "CONTEXT": str(context),
            "DOCKERFILES": str(DOCKERFILES),
            "AUTHORITY": str(AUTHORITY),
            "HOSTS": f"{SERVICES[REGISTRY]} {REGISTRY}",
            "SCRIPT": script,
        },
    )
    if not push:
        return ""
    return f"{remote.rpartition(':')[0]}@{output.strip().splitlines()[-1]}"

"""Naming the image in the overlays."""

from pathlib import Path

import pytest

from deploy.image.overlays import ImageName, name_in_overlays, with_image

OVERLAY = """\
# Everything in one namespace.
resources: [../../base]
images:
  - name: mongo  # theirs
    newTag: "8.0"
  - name: ordermesh
    newName: ordermesh
    newTag: 0.1.0
configMapGenerator:
  - name: ordermesh
    literals: [LOG_LEVEL=info]
"""
NAMED = """\
# Everything in one namespace.
resources: [../../base]
images:
  - name: mongo  # theirs
    newTag: "8.0"
  - name: ordermesh
    newName: registry.example.com:5000/shop/ordermesh
    newTag: "1.10"
configMapGenerator:
  - name: ordermesh
    literals: [LOG_LEVEL=info]
"""
IMAGE = ImageName("registry.example.com:5000/shop/ordermesh", "1.10")


@pytest.mark.parametrize(
    ("text", "name", "tag"),
    [
        ("ordermesh:0.1.0", "ordermesh", "0.1.0"),
        ("localhost:5000/ordermesh:0.1.0", "localhost:5000/ordermesh", "0.1.0"),
        ("ghcr.io/shop/order-mesh:v1_2-rc.3", "ghcr.io/shop/order-mesh", "v1_2-rc.3"),
    ],
)
def test_an_image_is_a_name_and_a_tag(text: str, name: str, tag: str) -> None:
    assert ImageName.parse(text) == ImageName(name, tag)
    assert str(ImageName.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["ordermesh", "localhost:5000/ordermesh", "ordermesh:latest", "ordermesh:", "a:b\nnewTag: c", "ordermesh:1 --push"],
)
def test_an_image_without_a_tag_of_its_own_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="has no tag of its own"):
        ImageName.parse(text)


def test_only_the_lines_of_the_image_change() -> None:
    assert with_image(Path("kustomization.yaml"), OVERLAY, IMAGE) == NAMED


def test_naming_the_image_again_changes_nothing() -> None:
    assert with_image(Path("kustomization.yaml"), NAMED, IMAGE) == NAMED


def test_the_image_that_is_named_already_changes_nothing() -> None:
    assert with_image(Path("kustomization.yaml"), OVERLAY, ImageName("ordermesh", "0.1.0")) == OVERLAY


def test_an_entry_without_a_name_gets_one() -> None:
    bare = "images:\n- name: ordermesh\n  digest: sha256:00\n"

    assert with_image(Path("k"), bare, ImageName("shop", "2")) == (
        'images:\n- name: ordermesh\n  newName: shop\n  newTag: "2"\n'
    )


@pytest.mark.parametrize("text", ["resources: []\n", "images:\n  - name: ordermesh\n" + OVERLAY])
def test_an_overlay_that_does_not_name_the_image_once_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="entries of images: for ordermesh, not one"):
        with_image(Path("kustomization.yaml"), text, IMAGE)


def test_all_overlays_are_named_or_none(tmp_path: Path) -> None:
    good, bad = (tmp_path / name / "kustomization.yaml" for name in ("aws", "demo"))
    for path, text in ((good, OVERLAY), (bad, "resources: []\n")):
        path.parent.mkdir()
        path.write_text(text)

    with pytest.raises(ValueError, match="demo/kustomization"):
        name_in_overlays(tmp_path, IMAGE)

    assert good.read_text() == OVERLAY


def test_the_changed_overlays_are_told(tmp_path: Path) -> None:
    before, already = (tmp_path / name / "kustomization.yaml" for name in ("aws", "demo"))
    for path, text in ((before, OVERLAY), (already, NAMED)):
        path.parent.mkdir()
        path.write_text(text)

    assert name_in_overlays(tmp_path, IMAGE) == [before]
    assert before.read_text() == NAMED


def test_no_overlays_are_no_error(tmp_path: Path) -> None:
    assert name_in_overlays(tmp_path / "overlays", IMAGE) == []

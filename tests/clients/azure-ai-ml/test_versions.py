"""Versions by many hands at once: every number is one content's, and the loser is told (decisions 6)."""
import concurrent.futures

import pytest
from azure.ai.ml.constants import ListViewType
from azure.ai.ml.entities import Data, Environment, Model
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

HANDS = 8
STORE = "azureml://datastores/workspaceblobstore/paths/"


def together(act):
    """The results of eight that start at once: what they made, or the error they got."""
    def guarded(hand):
        try:
            return act(hand)
        except HttpResponseError as error:
            return error
    with concurrent.futures.ThreadPoolExecutor(HANDS) as pool:
        return list(pool.map(guarded, range(HANDS)))


def check_race(results, described):
    """Numbers are unique among the winners, losers got 400 or 409, and what is kept is the winner's."""
    made = [r for r in results if not isinstance(r, Exception)]
    lost = [r for r in results if isinstance(r, Exception)]
    assert made
    assert len({m.version for m in made}) == len(made), "a version was given twice"
    assert all(e.status_code in (400, 409) for e in lost), lost
    kept = described()
    for one in made:
        assert kept[one.version] == one.description
    assert len(kept) == len(made)


def test_data_by_many_hands(ml, unique):
    results = together(lambda hand: ml.data.create_or_update(
        Data(name=unique, path=f"{STORE}race/{hand}", type="uri_folder", description=f"hand {hand}")))
    check_race(results, lambda: {d.version: d.description for d in ml.data.list(unique)})
    following = ml.data.create_or_update(Data(name=unique, path=f"{STORE}race/after", type="uri_folder"))
    assert int(following.version) == max(int(d.version) for d in ml.data.list(unique))


def test_environments_by_many_hands(ml, unique):
    results = together(lambda hand: ml.environments.create_or_update(
        Environment(name=unique, image=f"python:3.{hand}", description=f"hand {hand}")))
    check_race(results, lambda: {e.version: ml.environments.get(unique, e.version).description
                                 for e in ml.environments.list(unique)})


def test_models_by_many_hands(ml, unique, tmp_path):
    paths = []
    for hand in range(HANDS):
        folder = tmp_path / str(hand)
        folder.mkdir()
        (folder / "weights").write_text(f"{unique} {hand}")
        uploaded = ml.models.create_or_update(Model(name=f"{unique}-{hand}", path=str(folder), type="custom_model"))
        paths.append(uploaded.path)
    results = together(lambda hand: ml.models.create_or_update(
        Model(name=unique, path=paths[hand], type="custom_model", description=f"hand {hand}")))
    check_race(results, lambda: {m.version: m.description for m in ml.models.list(unique)})


def test_one_version_of_one_content_by_many_hands(ml, unique):
    """All say the same, so all succeed."""
    results = together(lambda _: ml.data.create_or_update(
        Data(name=unique, version="5", path=STORE + "same", type="uri_folder")))
    assert [r.version for r in results] == ["5"] * HANDS
    assert len({r.path for r in results}) == 1


def test_numbers_do_not_come_back(ml, unique):
    for version in (None, None, "draft"):
        ml.data.create_or_update(Data(name=unique, version=version, path=f"{STORE}v/{version}1", type="uri_folder")
                                 if version else Data(name=unique, path=STORE + "v/x", type="uri_folder"))
    assert sorted(d.version for d in ml.data.list(unique)) == ["1", "2", "draft"]
    assert ml.data.get(unique, label="latest").version == "draft"
    ml.data._operation.delete(ml.resource_group_name, ml.workspace_name, unique, "2")
    assert ml.data.create_or_update(Data(name=unique, path=STORE + "v/y", type="uri_folder")).version == "3"
    with pytest.raises(ResourceNotFoundError):
        ml.data.get(unique, "2")
    ml.data.archive(unique)
    assert unique in [d.name for d in ml.data.list(list_view_type=ListViewType.ARCHIVED_ONLY)]
    assert unique not in [d.name for d in ml.data.list()]
    ml.data.restore(unique)


def test_a_data_asset_stays_of_one_type(ml, unique):
    ml.data.create_or_update(Data(name=unique, path=STORE + "f.csv", type="uri_file"))
    with pytest.raises(HttpResponseError, match="uri_file"):
        ml.data.create_or_update(Data(name=unique, path=STORE + "f", type="uri_folder"))


def test_a_model_is_not_packaged_yet(ml, unique, tmp_path):
    (tmp_path / "w").write_text("1")
    made = ml.models.create_or_update(Model(name=unique, path=str(tmp_path / "w"), type="custom_model"))
    made.tags["stage"] = "checked"
    made.stage = "Production"
    ml.models.create_or_update(made)
    found = ml.models.get(unique, made.version)
    assert (found.stage, found.tags) == ("Production", {"stage": "checked"})
    assert ml.models.get(unique, label="latest").version == made.version
    ml.models.archive(unique, made.version)
    assert list(ml.models.list(unique)) == []
    ml.models.restore(unique, made.version)

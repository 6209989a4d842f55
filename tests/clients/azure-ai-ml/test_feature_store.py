"""Feature sets, entities, indexes, serverless endpoints and their like, through the unmodified SDK."""
import pytest
from azure.ai.ml.entities import (DataColumn, DataColumnType, FeatureSet, FeatureSetSpecification, FeatureStoreEntity,
                                  Index, MarketplaceSubscription, ServerlessEndpoint)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

SPEC = """\
source:
  type: parquet
  path: abfss://data
  timestamp_column:
    name: timestamp
features:
  - name: count_7d
    type: long
    description: of a week
  - name: sum_7d
    type: double
index_columns:
  - name: accountID
    type: string
"""


@pytest.fixture()
def entity(ml, unique):
    return ml.feature_store_entities.begin_create_or_update(FeatureStoreEntity(
        name=unique, version="1", stage="Development", description="accounts",
        index_columns=[DataColumn(name="accountID", type=DataColumnType.STRING)], tags={"a": "b"})).result()


@pytest.fixture()
def feature_set(ml, entity, unique, tmp_path):
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "FeatureSetSpec.yaml").write_text(SPEC)
    return ml.feature_sets.begin_create_or_update(FeatureSet(
        name=unique, version="1", entities=[f"azureml:{unique}:1"], stage="Development",
        specification=FeatureSetSpecification(path=str(tmp_path / "spec")))).result()


def test_an_entity_round_trips(ml, entity, unique):
    found = ml.feature_store_entities.get(unique, "1")
    assert (found.description, found.stage, found.tags) == ("accounts", "Development", {"a": "b"})
    assert [(c.name, c.type.lower()) for c in found.index_columns] == [("accountID", "string")]
    assert unique in [e.name for e in ml.feature_store_entities.list()]
    assert [e.version for e in ml.feature_store_entities.list(name=unique)] == ["1"]
    ml.feature_store_entities.archive(unique, "1")
    assert [e.version for e in ml.feature_store_entities.list(name=unique)] == []
    ml.feature_store_entities.restore(unique, "1")
    assert [e.version for e in ml.feature_store_entities.list(name=unique)] == ["1"]
    with pytest.raises(ResourceNotFoundError):
        ml.feature_store_entities.get(unique, "9")


def test_a_feature_set_round_trips_with_its_features(ml, feature_set, unique):
    found = ml.feature_sets.get(unique, "1")
    assert found.entities == [f"azureml:{unique}:1"] and found.stage == "Development"
    assert unique in [s.name for s in ml.feature_sets.list()]
    features = ml.feature_sets.list_features(unique, "1")
    assert sorted(f.name for f in features) == ["count_7d", "sum_7d"]
    assert ml.feature_sets.get_feature(unique, "1", feature_name="count_7d").data_type.lower() == "long"
    assert list(ml.feature_sets.list_materialization_operations(unique, "1")) == []


def test_a_backfill_says_that_it_is_not_built(ml, feature_set, unique):
    import datetime
    with pytest.raises(HttpResponseError, match="not built") as refused:
        ml.feature_sets.begin_backfill(name=unique, version="1",
                                       feature_window_start_time=datetime.datetime(2024, 1, 1),
                                       feature_window_end_time=datetime.datetime(2024, 1, 2),
                                       data_status=["None"]).result()
    assert refused.value.status_code == 501


def test_an_index_counts_its_versions(ml, unique):
    path = "azureml://datastores/workspaceblobstore/paths/indexes/a"
    first = ml.indexes.create_or_update(Index(name=unique, path=path, tags={"a": "b"}, description="d"))
    assert (first.name, first.version) == (unique, "1")
    assert ml.indexes.create_or_update(Index(name=unique, path=path + "2")).version == "2"
    found = ml.indexes.get(unique, version="1")
    assert (found.description, found.tags) == ("d", {"a": "b"})
    assert ml.indexes.get(unique, label="latest").version == "2"
    assert [i.version for i in ml.indexes.list(unique)] == ["2", "1"]
    assert unique in [i.name for i in ml.indexes.list()]
    with pytest.raises(ResourceNotFoundError):
        ml.indexes.get(unique, version="3")


def test_a_serverless_endpoint_is_kept(ml, unique):
    made = ml.serverless_endpoints.begin_create_or_update(
        ServerlessEndpoint(name=unique, model_id="azureml://registries/azureml/models/phi")).result()
    assert made.model_id == "azureml://registries/azureml/models/phi"
    keys = ml.serverless_endpoints.get_keys(unique)
    assert keys.primary_key and keys.primary_key != keys.secondary_key
    assert unique in [e.name for e in ml.serverless_endpoints.list()]
    ml.serverless_endpoints.begin_delete(unique).result()
    with pytest.raises(ResourceNotFoundError):
        ml.serverless_endpoints.get(unique)


def test_a_marketplace_subscription_is_kept(ml, unique):
    made = ml.marketplace_subscriptions.begin_create_or_update(
        MarketplaceSubscription(name=unique, model_id="azureml://registries/azureml/models/phi")).result()
    assert made.status == "unsubscribed"
    assert unique in [m.name for m in ml.marketplace_subscriptions.list()]
    ml.marketplace_subscriptions.begin_delete(unique).result()
    assert unique not in [m.name for m in ml.marketplace_subscriptions.list()]

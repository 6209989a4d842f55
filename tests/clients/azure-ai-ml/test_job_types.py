"""Jobs of every type through the unmodified SDK: what has no engine is refused by name and never kept."""
import pytest
from azure.ai.ml import Input, MpiDistribution, automl, command, dsl, spark
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import JobService, UserIdentityConfiguration
from azure.ai.ml.sweep import Choice, Uniform
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError


def simple(environment, unique, **more):
    return command(name=unique, command="echo ${{inputs.a}}", inputs={"a": 1}, environment=environment.id, **more)


def refused(ml, job, words):
    with pytest.raises(HttpResponseError, match=words) as caught:
        ml.jobs.create_or_update(job)
    assert caught.value.status_code == 501
    with pytest.raises(ResourceNotFoundError):
        ml.jobs.get(job.name)
    assert job.name not in [j.name for j in ml.jobs.list()]


def test_sweep(ml, environment, unique):
    base = command(command="echo ${{inputs.lr}} ${{inputs.k}}", environment=environment.id,
                   inputs={"lr": 0.1, "k": 1})
    job = base(lr=Uniform(0.01, 0.1), k=Choice([1, 2])).sweep(
        sampling_algorithm="random", primary_metric="acc", goal="Maximize", compute="serverless")
    job.name = unique
    job.set_limits(max_total_trials=4, max_concurrent_trials=2, timeout=100)
    refused(ml, job, "Sweep")


def test_pipeline(ml, environment, unique, cluster):
    step = command(name="step", command="echo ${{inputs.a}}", inputs={"a": Input(type="string")},
                   environment=environment.id).component

    @dsl.pipeline(default_compute=cluster)
    def pipeline(text):
        step(a=text)
    job = pipeline(text="x")
    job.name = unique
    with pytest.raises(HttpResponseError, match="Pipeline") as caught:
        ml.jobs.create_or_update(job)
    assert caught.value.status_code == 501


def test_automl(ml, unique, cluster):
    job = automl.classification(training_data=Input(type=AssetTypes.MLTABLE,
                                                    path="azureml://datastores/workspaceblobstore/paths/t"),
                                target_column_name="y", primary_metric="accuracy", compute=cluster)
    job.name = unique
    job.set_limits(max_trials=2, timeout_minutes=10)
    refused(ml, job, "AutoML")


def test_spark(ml, unique, tmp_path):
    (tmp_path / "e.py").write_text("print(1)\n")
    job = spark(name=unique, code=str(tmp_path), entry={"file": "e.py"}, driver_cores=1, driver_memory="2g",
                executor_cores=1, executor_memory="2g", executor_instances=1,
                resources={"instance_type": "Standard_E4S_V3", "runtime_version": "3.4"})
    with pytest.raises(HttpResponseError, match="Spark") as caught:
        ml.jobs.create_or_update(job)
    assert caught.value.status_code == 501


@pytest.mark.parametrize("more, words", [
    ({"distribution": MpiDistribution(process_count_per_instance=2)}, "[Dd]istributed"),
    ({"instance_count": 2}, "more than one node"),
    ({"services": {"j": JobService(type="jupyter_lab")}}, "[Ii]nteractive services"),
    ({"identity": UserIdentityConfiguration()}, "identity"),
])
def test_a_command_that_asks_for_more_than_there_is(ml, environment, unique, more, words):
    with pytest.raises(HttpResponseError, match=words) as caught:
        ml.jobs.create_or_update(simple(environment, unique, **more))
    assert caught.value.status_code == 501


def test_a_queue_tier_is_kept_and_harmless(ml, environment, unique):
    job = simple(environment, unique, tags={"team": "red", "n": unique})
    job.set_queue_settings(job_tier="standard") if hasattr(job, "set_queue_settings") else None
    made = ml.jobs.create_or_update(job)
    ml.jobs.begin_cancel(made.name).result()
    assert ml.jobs.get(unique).tags["team"] == "red"


def test_a_cancel_of_a_job_that_has_ended(ml, environment, unique):
    ml.jobs.create_or_update(simple(environment, unique))
    ml.jobs.begin_cancel(unique).result()
    ml.jobs.begin_cancel(unique).result()
    with pytest.raises(ResourceNotFoundError):
        ml.jobs.begin_cancel(unique + "-not").result()
    with pytest.raises(ResourceNotFoundError):
        list(ml.jobs.list(parent_job_name=unique + "-not"))

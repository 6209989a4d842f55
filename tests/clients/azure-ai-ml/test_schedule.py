"""Schedules through the SDK, as resources: made, listed, switched off and on, deleted; nothing fires yet."""
import pytest
from azure.ai.ml.entities._load_functions import load_schedule
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

JOB = """
type: pipeline
compute: azureml:cpu-cluster
inputs:
  note: hello
jobs:
  say:
    command: echo ${{inputs.note}}
    environment: azureml:host-python:1
    inputs:
      note: ${{parent.inputs.note}}
"""

CRON = """
name: {name}
display_name: Now and then
trigger:
  type: cron
  expression: "15 3 * * 1-5"
  start_time: "2024-03-01T00:00:00"
  time_zone: Tokyo Standard Time
create_job: ./pipeline.yml
tags: {{team: tests}}
"""

RECURRENCE = """
name: {name}
trigger:
  type: recurrence
  frequency: week
  interval: 2
  schedule:
    week_days: [monday, friday]
    hours: [5, 17]
    minutes: [0, 30]
  end_time: "2034-01-01T00:00:00"
create_job: ./pipeline.yml
"""

MONITOR = """
name: {name}
trigger:
  type: cron
  expression: "0 2 * * *"
create_monitor:
  compute:
    instance_type: standard_e4s_v3
    runtime_version: "3.4"
  monitoring_target:
    ml_task: classification
  monitoring_signals:
    drift:
      type: data_drift
      production_data:
        input_data:
          type: uri_folder
          path: azureml://datastores/workspaceblobstore/paths/monitored/
        data_context: model_inputs
        data_window: {{lookback_window_size: P1D, lookback_window_offset: P0D}}
      reference_data:
        input_data:
          type: uri_folder
          path: azureml://datastores/workspaceblobstore/paths/reference/
        data_context: training
      features: [a]
      metric_thresholds:
        numerical: {{jensen_shannon_distance: 0.1}}
        categorical: {{pearsons_chi_squared_test: 0.1}}
"""


def from_yaml(tmp_path, text, name):
    (tmp_path / "pipeline.yml").write_text(JOB)
    path = tmp_path / "schedule.yml"
    path.write_text(text.format(name=name))
    return load_schedule(path)


@pytest.fixture()
def schedule(ml, cluster, environment, unique, tmp_path):
    made = ml.schedules.begin_create_or_update(from_yaml(tmp_path, CRON, unique)).result()
    yield made
    ml.schedules.begin_delete(made.name).wait()


def names(ml, **view):
    return [s.name for s in ml.schedules.list(**view)]


def test_a_cron_schedule_is_kept_as_it_was_written(ml, schedule):
    assert (schedule.is_enabled, schedule.provisioning_state) == (True, "Succeeded")
    shown = ml.schedules.get(schedule.name)
    assert shown.trigger.expression == "15 3 * * 1-5"
    assert (shown.trigger.time_zone, shown.display_name) == ("Tokyo Standard Time", "Now and then")
    assert shown.tags["team"] == "tests"
    assert "say" in shown.create_job.jobs


def test_a_schedule_is_switched_off_and_on(ml, schedule):
    assert schedule.name in names(ml)
    assert ml.schedules.begin_disable(schedule.name).result().is_enabled is False
    assert schedule.name not in names(ml)
    assert schedule.name in names(ml, list_view_type="DisabledOnly")
    assert schedule.name in names(ml, list_view_type="All")
    assert ml.schedules.begin_enable(schedule.name).result().is_enabled is True
    assert schedule.name in names(ml)


def test_a_recurrence_is_kept(ml, cluster, environment, unique, tmp_path):
    made = ml.schedules.begin_create_or_update(from_yaml(tmp_path, RECURRENCE, unique)).result()
    assert (made.trigger.frequency, made.trigger.interval) == ("week", 2)
    assert [d.lower() for d in made.trigger.schedule.week_days] == ["monday", "friday"]
    assert made.trigger.schedule.hours == [5, 17]
    ml.schedules.begin_delete(unique).wait()
    with pytest.raises(ResourceNotFoundError):
        ml.schedules.get(unique)


def test_a_monitor_is_kept(ml, unique, tmp_path):
    made = ml.schedules.begin_create_or_update(from_yaml(tmp_path, MONITOR, unique)).result()
    signal = made.create_monitor.monitoring_signals["drift"]
    assert signal.type == "data_drift" and made.is_enabled
    ml.schedules.begin_delete(unique).wait()


def test_a_wrong_time_table_is_refused(ml, cluster, environment, unique, tmp_path):
    for text, word in ((CRON.replace("15 3", "15 33"), "hour"), (CRON.replace("Tokyo", "Atlantis"), "time zone")):
        wrong = from_yaml(tmp_path, text, unique)
        with pytest.raises(HttpResponseError) as refusal:
            ml.schedules.begin_create_or_update(wrong).result()
        assert refusal.value.status_code == 400 and word in str(refusal.value)
    with pytest.raises(ResourceNotFoundError):
        ml.schedules.get(unique)


def test_a_command_job_is_triggered_by_hand(ml, server, schedule):
    """The body is that of a client with previews switched on: a command job, started at once."""
    import json
    import ssl
    import urllib.request
    told = server.connect()
    workspace = (f"{told['endpoint']}/subscriptions/{told['subscription']}/resourceGroups/{told['resourceGroup']}/providers/"
                 f"Microsoft.MachineLearningServices/workspaces/{told['workspace']}")
    body = {"properties": {"trigger": {"triggerType": "Cron", "expression": "0 0 1 1 *"},
                           "action": {"actionType": "CreateJob",
                                      "jobDefinition": {"jobType": "Command", "command": "echo triggered"}}}}
    request = urllib.request.Request(f"{workspace}/schedules/{schedule.name}?api-version=2024-01-01-preview",
                                     json.dumps(body).encode(), method="PUT",
                                     headers={"Authorization": "Bearer " + told["token"],
                                              "Content-Type": "application/json"})
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=told["caFile"])) as reply:
        assert "nothing is started by the clock" in reply.headers["Warning"]
    result = ml.schedules.trigger(schedule.name)
    assert result.schedule_action_type == "CreateJob"
    ml.jobs.stream(result.job_name)
    assert ml.jobs.get(result.job_name).status == "Completed"

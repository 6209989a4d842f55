"""Computes of every type through the SDK: made from YAML as a person writes it, switched, listed, deleted."""
import time
import uuid

import pytest
from azure.ai.ml import load_compute
from azure.ai.ml.entities import (AmlCompute, ComputeInstance, IdentityConfiguration, KubernetesCompute,
                                  ManagedIdentityConfiguration, SynapseSparkCompute, VirtualMachineCompute,
                                  VirtualMachineSshSettings)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

INSTANCE = """
name: {name}
type: computeinstance
size: STANDARD_DS2_v2
idle_time_before_shutdown_minutes: 45
tags: {{team: tests}}
schedules:
  compute_start_stop:
    - action: stop
      trigger:
        type: cron
        expression: 30 19 * * MON-FRI
        start_time: "2024-02-01T00:00:00"
        time_zone: W. Europe Standard Time
    - action: start
      trigger:
        type: recurrence
        frequency: week
        interval: 2
        schedule:
          week_days: [tuesday]
          hours: [7]
          minutes: [15]
"""

CLUSTER = """
name: {name}
type: amlcompute
size: STANDARD_DS2_v2
tier: low_priority
min_instances: 1
max_instances: 3
idle_time_before_scale_down: 90
ssh_settings:
  admin_username: somebody
  admin_password: never-to-be-seen
"""


def members(thing):
    """What an object of the SDK holds; releases before 1.33 spell node_state what later ones spell nodeState."""
    held = thing if isinstance(thing, dict) else vars(thing)
    names = {"nodestate": "nodeState", "runid": "runId", "vcpus": "vCPUs", "memorygb": "memoryGB",
             "operationname": "operationName", "currentvalue": "currentValue"}
    return {names.get(key.replace("_", "").lower(), key): value for key, value in held.items()}


def from_yaml(tmp_path, text, **names):
    path = tmp_path / "compute.yml"
    path.write_text(text.format(**names))
    return load_compute(path)


def test_an_instance_is_made_switched_and_deleted(ml, unique, tmp_path):
    made = ml.compute.begin_create_or_update(from_yaml(tmp_path, INSTANCE, name=unique)).result()
    assert isinstance(made, ComputeInstance)
    assert (made.state, made.provisioning_state, made.size) == ("Running", "Succeeded", "STANDARD_DS2_v2")
    assert made.idle_time_before_shutdown_minutes == 45
    assert members(made.last_operation)["operationName"] == "Create"
    plans = made.schedules.compute_start_stop
    assert [(p.action.lower(), p.schedule_id is None or isinstance(p.schedule_id, str)) for p in plans] == [
        ("stop", True), ("start", True)]
    assert plans[0].trigger.expression == "30 19 * * MON-FRI"
    assert made.services in (None, [])

    ml.compute.begin_stop(unique).wait()
    assert ml.compute.get(unique).state == "Stopped"
    stopped = ml.compute.get(unique)
    stopped.tags = {"team": "others"}
    assert ml.compute.begin_update(stopped).result().state == "Stopped"
    ml.compute.begin_start(unique).wait()
    assert ml.compute.get(unique).state == "Running"
    ml.compute.begin_restart(unique).wait()
    assert members(ml.compute.get(unique).last_operation)["operationName"] == "Restart"
    ml.compute.enable_sso(name=unique, enable_sso=False)
    assert ml.compute.get(unique).enable_sso is False

    ml.compute.begin_delete(unique).wait()
    with pytest.raises(ResourceNotFoundError):
        ml.compute.get(unique)


def test_a_cluster_hides_its_password_and_grows(ml, unique, tmp_path):
    made = ml.compute.begin_create_or_update(from_yaml(tmp_path, CLUSTER, name=unique)).result()
    assert (made.type, made.tier, made.min_instances, made.max_instances) == ("amlcompute", "low_priority", 1, 3)
    assert made.ssh_settings.admin_username == "somebody" and not made.ssh_settings.admin_password
    made.max_instances = 5
    assert ml.compute.begin_update(made).result().max_instances == 5
    nodes = [members(node) for node in ml.compute.list_nodes(unique)]
    assert [n["nodeState"] for n in nodes] == ["idle"] and not nodes[0].get("runId")
    with pytest.raises(HttpResponseError) as refusal:
        ml.compute.begin_stop(unique).wait()
    assert refusal.value.status_code == 409
    ml.compute.begin_delete(unique).wait()


def test_a_running_job_is_a_node(ml, cluster, environment, unique):
    from azure.ai.ml import command
    job = ml.jobs.create_or_update(command(name=unique, command="sleep 300", environment=environment, compute=cluster))
    try:
        for _ in range(150):
            nodes = [members(node) for node in ml.compute.list_nodes(cluster)]
            running = [n["runId"] for n in nodes if n["nodeState"] == "running"]
            if job.name in running:
                break
            time.sleep(0.2)
        assert job.name in running
    finally:
        ml.jobs.begin_cancel(job.name).wait()


def test_what_lies_elsewhere_is_attached_and_detached(ml, unique):
    resource = "/subscriptions/s/resourceGroups/r/providers/Microsoft.Somewhere/things/t"
    cases = [KubernetesCompute(name=unique, resource_id=resource, namespace="space"),
             VirtualMachineCompute(name=unique, resource_id=resource,
                                   ssh_settings=VirtualMachineSshSettings(admin_username="u", ssh_port=2222,
                                                                          admin_password="never-to-be-seen")),
             SynapseSparkCompute(name=unique, resource_id=resource)]
    for case in cases:
        made = ml.compute.begin_attach(case).result()
        assert type(made) is type(case)
        assert (made.resource_id, made.provisioning_state) == (resource, "Succeeded")
        assert made.provisioning_errors == "ComputeNotReachable"
        shown = ml.compute.get(unique)
        assert "never-to-be-seen" not in str(shown)
        assert unique in [c.name for c in ml.compute.list(compute_type=case.type)]
        ml.compute.begin_delete(unique, action="Detach").wait()
        with pytest.raises(ResourceNotFoundError):
            ml.compute.get(unique)


def test_a_job_on_what_cannot_be_reached_is_refused(ml, environment, unique):
    from azure.ai.ml import command
    ml.compute.begin_attach(KubernetesCompute(name=unique, resource_id="/subscriptions/s/x")).result()
    with pytest.raises(HttpResponseError) as refusal:
        ml.jobs.create_or_update(command(command="true", environment=environment, compute=unique))
    assert refusal.value.status_code == 400 and "elsewhere" in str(refusal.value)
    ml.compute.begin_delete(unique, action="Detach").wait()


def test_sizes_and_usages_are_those_of_this_host(ml, cluster):
    sizes = {size.name: members(size) for size in ml.compute.list_sizes()}
    assert sizes["HOST"]["vCPUs"] > 0 and sizes["HOST"]["memoryGB"] > 0
    assert (sizes["Standard_DS3_v2"]["vCPUs"], sizes["Standard_DS3_v2"]["memoryGB"]) == (4, 14)
    assert {s.name for s in ml.compute.list_sizes(compute_type="ComputeInstance")} == set(sizes)
    usages = {usage.name["value"]: members(usage) for usage in ml.compute.list_usage()}
    assert usages["clusters"]["currentValue"] >= 1 and usages["cores"]["limit"] > 0


def test_identities_are_principals_of_their_own(ml):
    """The SDK reads principalId and tenantId of what is system-assigned, and keeps ids of what is user-assigned."""
    user = ("/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"
            f"u{uuid.uuid4().hex[:6]}")
    made = {}
    for kind, more in (("SystemAssigned", {}),
                       ("UserAssigned", {"user_assigned_identities": [ManagedIdentityConfiguration(resource_id=user)]})):
        name = f"id-{uuid.uuid4().hex[:8]}"
        ml.compute.begin_create_or_update(AmlCompute(name=name, size="STANDARD_DS3_V2", max_instances=1,
                                                     identity=IdentityConfiguration(type=kind, **more))).result()
        made[kind] = ml.compute.get(name).identity
        ml.compute.begin_delete(name).result()
    system, users = made["SystemAssigned"], made["UserAssigned"]
    assert uuid.UUID(system.principal_id) and uuid.UUID(system.tenant_id)
    assert users.principal_id is None and [x.resource_id for x in users.user_assigned_identities] == [user]
    workspace = ml.workspaces.get(ml.workspace_name)
    assert uuid.UUID(workspace.identity.principal_id) != uuid.UUID(system.principal_id)

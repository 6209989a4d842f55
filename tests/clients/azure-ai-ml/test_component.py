"""Components through the unmodified SDK: made, read, changed, archived, listed; anonymous ones; many at once."""
import concurrent.futures
import io
import textwrap

import pytest
from azure.ai.ml import Input, Output, command, load_component
from azure.ai.ml.constants import ListViewType
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError


@pytest.fixture()
def train(environment, unique, tmp_path):
    """A command component with a folder of code, loaded from YAML as people write it."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("print('hi')\n")
    (tmp_path / "train.yml").write_text(textwrap.dedent(f"""\
        $schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
        name: {unique}
        version: "1"
        type: command
        display_name: Train
        tags: {{kind: test}}
        code: ./src
        environment: azureml:{environment.name}@latest
        command: python main.py ${{{{inputs.data}}}} ${{{{inputs.rate}}}} ${{{{outputs.model}}}}
        inputs:
          data: {{type: uri_folder}}
          rate: {{type: number, default: 0.1, min: 0, max: 1}}
        outputs:
          model: {{type: mlflow_model}}
        """))
    return load_component(tmp_path / "train.yml")


def test_a_component_round_trips(ml, train, unique):
    made = ml.components.create_or_update(train)
    assert (made.name, made.version, made.type) == (unique, "1", "command")
    found = ml.components.get(unique, "1")
    assert found.display_name == "Train" and found.tags == {"kind": "test"}
    assert found.command == "python main.py ${{inputs.data}} ${{inputs.rate}} ${{outputs.model}}"
    assert found.inputs["rate"].default == 0.1 and found.inputs["rate"].type == "number"
    assert found.outputs["model"].type == "mlflow_model"
    assert found.environment.endswith("versions/" + found.environment.rsplit("/", 1)[1])
    assert found.creation_context.created_by
    assert ml.components.get(unique, label="latest").version == "1"


def test_the_same_component_again_is_the_same(ml, train, unique):
    first = ml.components.create_or_update(train)
    assert ml.components.create_or_update(train).id == first.id
    changed = ml.components.get(unique, "1")
    changed.tags["more"] = "yes"
    changed.description = "said later"
    ml.components.create_or_update(changed)
    found = ml.components.get(unique, "1")
    assert (found.tags["more"], found.description) == ("yes", "said later")


def test_another_command_under_the_same_version_is_refused(ml, environment, unique):
    def build(text):
        return command(name=unique, version="1", command=text, environment=f"{environment.name}@latest").component
    ml.components.create_or_update(build("echo one"))
    with pytest.raises((ResourceExistsError, HttpResponseError)) as refused:
        ml.components.create_or_update(build("echo two"))
    assert refused.value.status_code == 409
    assert ml.components.get(unique, "1").command == "echo one"


def test_without_a_version_the_newest_is_meant(ml, environment, unique):
    def make(version):
        job = command(name=unique, command=f"echo {version}", environment=environment.id)
        return ml.components.create_or_update(job.component, version=version)
    make("1"), make("2")
    found = ml.components.get(unique)
    assert found.version == "2"
    assert found.id.endswith(f"/components/{unique}/labels/default"), "it follows what comes later"
    assert ml.components.get(unique, label="default").id == found.id
    assert ml.components.get(unique, label="latest").id.endswith(f"/components/{unique}/versions/2")
    with pytest.raises(ResourceNotFoundError, match="no version 'azureml_other'"):
        ml.components.get(unique, "azureml_other")


def test_the_server_counts_versions(ml, environment, unique):
    """Who leaves the version out is told which one it became."""
    for number in ("1", "2", "3"):
        text = f"name: {unique}\ntype: command\ncommand: echo {number}\nenvironment: azureml:{environment.name}@latest\n"
        made = ml.components.create_or_update(load_component(io.StringIO(text)))
        assert (made.name, made.version) == (unique, number)
        assert ml.components.get(unique, number).command == f"echo {number}"


def test_what_a_component_leaves_out_is_said(ml, train, unique):
    made = ml.components.create_or_update(train)._to_dict()
    assert made["inputs"]["data"] == {"type": "uri_folder", "optional": False}
    assert made["resources"] == {"instance_count": 1} and made["is_deterministic"]
    found = ml.components.get(unique, "1")
    assert found._to_dict() == made
    assert ml.components.create_or_update(found).id == found.id, "saying it is no change"


def test_lists_and_archive(ml, environment, unique):
    for version in ("1", "2", "3"):
        ml.components.create_or_update(command(name=unique, version=version, command=f"echo {version}",
                                               environment=f"{environment.name}@latest").component)
    assert [c.version for c in ml.components.list(unique)] == ["3", "2", "1"]
    assert unique in [c.name for c in ml.components.list()]
    ml.components.archive(unique, version="3")
    assert [c.version for c in ml.components.list(unique)] == ["2", "1"]
    assert ml.components.get(unique, label="latest").version == "2"
    assert [c.version for c in ml.components.list(unique, list_view_type=ListViewType.ARCHIVED_ONLY)] == ["3"]
    ml.components.restore(unique, version="3")
    assert ml.components.get(unique, label="latest").version == "3"
    ml.components.archive(unique)
    assert unique not in [c.name for c in ml.components.list()]
    ml.components.restore(unique)
    assert unique in [c.name for c in ml.components.list()]


def test_what_a_component_refers_to_must_be_there(ml, unique):
    with pytest.raises((ResourceNotFoundError, HttpResponseError), match="no-such"):
        ml.components.create_or_update(command(name=unique, version="1", command="ls",
                                               environment="azureml:no-such:1").component)
    with pytest.raises(ResourceNotFoundError):
        ml.components.get(unique, "1")


def test_one_component_by_many_hands_at_once(ml, environment, unique):
    """Pipelines put their anonymous steps in parallel; all must succeed with the same content."""
    step = command(name=unique, version="7", command="echo ${{inputs.a}}", environment=f"{environment.name}@latest",
                   inputs={"a": Input(type="uri_folder")}, outputs={"o": Output(type="uri_folder")}).component
    ml.components.create_or_update(step)
    rest = step._to_rest_object()

    def put(_):
        return ml.components._version_operation.create_or_update(
            name="azureml_anonymous", version="38a57c29-6195-2f95-b1ce-7d3457148f0c", body=rest,
            **ml.components._workspace_args if hasattr(ml.components, "_workspace_args") else {
                "resource_group_name": ml.resource_group_name, "workspace_name": ml.workspace_name})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(put, range(16)))
    assert len({m.id for m in made}) == 1
    assert "azureml_anonymous" not in [c.name for c in ml.components.list()]

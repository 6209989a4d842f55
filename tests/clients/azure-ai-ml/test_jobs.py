"""Computes and command jobs through the unmodified SDK, on real data."""
import contextlib
import csv
import io
import json
import time

import pytest
from azure.ai.ml import Input, Output, command
from azure.ai.ml.constants import ListViewType
from azure.ai.ml.entities import AmlCompute, AmlTokenConfiguration, Data, Model
from azure.ai.ml.exceptions import JobException
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

TRAIN = """
import csv, json, os, sys, time
rows = [(float(r["bmi"]), float(r["target"])) for r in csv.DictReader(open(sys.argv[1]))]
slope, bias = 0.0, 0.0
for epoch in range(1, 9):
    n = len(rows)
    mx, my = sum(x for x, _ in rows) / n, sum(y for _, y in rows) / n
    slope = sum((x - mx) * (y - my) for x, y in rows) / sum((x - mx) ** 2 for x, _ in rows)
    bias = my - slope * mx
    print("epoch", epoch, "slope", round(slope, 3), flush=True)
    time.sleep(1)
os.makedirs("outputs/model", exist_ok=True)
json.dump({"slope": slope, "bias": bias}, open("outputs/model/w.json", "w"))
open(os.path.join(sys.argv[2], "rows.txt"), "w").write(str(len(rows)))
"""


@pytest.fixture(scope="module")
def diabetes(ml, tmp_path_factory):
    """The diabetes data of scikit-learn as a file asset, and the line that fits it."""
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import LinearRegression
    data = load_diabetes(scaled=False)
    bmi = data.data[:, data.feature_names.index("bmi")]
    file = tmp_path_factory.mktemp("data") / "diabetes.csv"
    with open(file, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["bmi", "target"])
        writer.writerows(zip(bmi.tolist(), data.target.tolist()))
    asset = ml.data.create_or_update(Data(name="diabetes", path=str(file), type="uri_file"))
    fit = LinearRegression().fit(bmi.reshape(-1, 1), data.target)
    return {"asset": asset, "rows": len(bmi), "slope": fit.coef_[0], "bias": fit.intercept_}


@pytest.fixture(scope="module")
def trained(ml, cluster, environment, diabetes, tmp_path_factory):
    """A job that ran to its end while it was streamed, and what the stream printed."""
    folder = tmp_path_factory.mktemp("src")
    (folder / "train.py").write_text(TRAIN)
    ml.workspaces.get()  # imports at its first call what takes seconds; the stream begins with it
    job = ml.jobs.create_or_update(command(
        code=str(folder), command="python train.py ${{inputs.data}} ${{outputs.report}}",
        inputs={"data": Input(type="uri_file", path=f"azureml:diabetes:{diabetes['asset'].version}")},
        outputs={"report": Output(type="uri_folder")}, environment=environment, compute=cluster,
        experiment_name="diabetes", display_name="first", tags={"team": "a"}))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        ml.jobs.stream(job.name)
    return {"name": job.name, "printed": printed.getvalue(), "studio": job.studio_url}


def submit(ml, cluster, environment, line, **more):
    return ml.jobs.create_or_update(command(command=line, environment=environment, compute=cluster, **more)).name


def finished(ml, name, seconds=60):
    end = time.monotonic() + seconds
    while ml.jobs.get(name).status not in ("Completed", "Failed", "Canceled"):
        assert time.monotonic() < end, ml.jobs.get(name).status
        time.sleep(0.2)
    return ml.jobs.get(name)


def test_compute(ml, unique):
    made = ml.compute.begin_create_or_update(
        AmlCompute(name=unique, size="STANDARD_DS3_v2", min_instances=0, max_instances=1)).result()
    assert (made.size, made.max_instances, made.provisioning_state) == ("STANDARD_DS3_v2", 1, "Succeeded")
    made.max_instances = 3
    assert ml.compute.begin_update(made).result().max_instances == 3
    assert ml.compute.get(unique).max_instances == 3
    assert unique in [c.name for c in ml.compute.list()]
    ml.compute.begin_delete(unique).wait()
    with pytest.raises(ResourceNotFoundError):
        ml.compute.get(unique)


def test_the_log_comes_while_the_job_runs(ml, trained):
    lines = trained["printed"].splitlines()
    assert [line.split()[1] for line in lines if line.startswith("epoch")] == [str(n) for n in range(1, 9)]
    assert f"RunId: {trained['name']}" in lines and "Execution Summary" in lines
    assert ml.jobs.get(trained["name"]).status == "Completed"


def test_a_finished_job_is_shown_and_listed(ml, trained, cluster):
    job = ml.jobs.get(trained["name"])
    assert (job.display_name, job.experiment_name, job.tags) == ("first", "diabetes", {"team": "a"})
    assert job.compute.endswith(cluster) and job.type == "command"
    assert job.name in [j.name for j in ml.jobs.list()]
    assert list(ml.jobs.list(parent_job_name=job.name)) == []


def test_download(ml, trained, diabetes, tmp_path):
    ml.jobs.download(trained["name"], download_path=str(tmp_path), all=True)
    assert (tmp_path / "named-outputs/report/rows.txt").read_text() == str(diabetes["rows"])
    model = json.loads((tmp_path / "artifacts/outputs/model/w.json").read_text())
    assert model["slope"] == pytest.approx(diabetes["slope"]) and model["bias"] == pytest.approx(diabetes["bias"])
    assert "epoch 8" in (tmp_path / "artifacts/user_logs/std_log.txt").read_text()
    ml.jobs.download(trained["name"], download_path=str(tmp_path / "one"), output_name="report")
    assert (tmp_path / "one/named-outputs/report/rows.txt").exists()


@pytest.mark.parametrize("form", ["azureml://jobs/{}/outputs/artifacts/paths/outputs/model/", "runs:/{}/outputs/model"])
def test_model_from_a_job(ml, trained, diabetes, unique, tmp_path, form):
    made = ml.models.create_or_update(Model(name=unique, path=form.format(trained["name"]), type="custom_model"))
    assert made.version == "1" and made.path.startswith("azureml://subscriptions/")
    assert made.path.endswith(f"/paths/ExperimentRun/dcid.{trained['name']}/outputs/model")
    ml.models.download(unique, "1", download_path=str(tmp_path))
    found = list(tmp_path.rglob("w.json"))
    assert len(found) == 1 and json.loads(found[0].read_text())["slope"] == pytest.approx(diabetes["slope"])


def test_update_and_archive(ml, trained):
    job = ml.jobs.get(trained["name"])
    job.display_name, job.description, job.tags["reviewed"] = "second", "a line", "yes"
    ml.jobs.create_or_update(job)
    seen = ml.jobs.get(trained["name"])
    assert (seen.display_name, seen.description) == ("second", "a line")
    assert seen.tags == {"team": "a", "reviewed": "yes"} and seen.status == "Completed"
    ml.jobs.archive(job.name)
    assert job.name not in [j.name for j in ml.jobs.list()]
    assert job.name in [j.name for j in ml.jobs.list(list_view_type=ListViewType.ARCHIVED_ONLY)]
    ml.jobs.restore(job.name)
    assert job.name in [j.name for j in ml.jobs.list()]


def test_a_named_output_becomes_an_asset(ml, cluster, environment, unique):
    name = submit(ml, cluster, environment, "echo made > ${{outputs.out}}/f.txt",
                  outputs={"out": Output(type="uri_folder", name=unique, version="7")})
    assert finished(ml, name).status == "Completed"
    asset = ml.data.get(unique, "7")
    assert asset.type == "uri_folder" and f"azureml/{name}/out" in asset.path


def test_a_fetched_job_is_submitted_again_under_another_name(ml, cluster, environment):
    name = submit(ml, cluster, environment, "echo made > ${{outputs.out}}/f.txt",
                  outputs={"out": Output(type="uri_folder")}, identity=AmlTokenConfiguration())
    first = finished(ml, name)
    assert (first.status, first.resources.instance_count) == ("Completed", 1)
    again = ml.jobs.get(name)
    again.name, again.display_name = None, "again"
    second = ml.jobs.create_or_update(again)
    assert second.name != name and second.display_name == "again"
    assert f"azureml/{second.name}/out" in second.outputs.out.path
    assert finished(ml, second.name).status == "Completed"
    assert f"azureml/{name}/out" in ml.jobs.get(name).outputs.out.path


def test_a_failed_job_says_why(ml, cluster, environment):
    name = submit(ml, cluster, environment, "echo before; sleep 2; exit 3")
    with pytest.raises(JobException, match="exit code 3|status 3|code 3"):
        ml.jobs.stream(name)
    assert ml.jobs.get(name).status == "Failed"


def test_cancel(ml, cluster, environment):
    name = submit(ml, cluster, environment, "sleep 600")
    with pytest.raises(JobException):
        ml.jobs.download(name)
    ml.jobs.begin_cancel(name).wait()
    assert finished(ml, name).status == "Canceled"


def test_what_is_not_there(ml, environment, unique):
    with pytest.raises(ResourceNotFoundError):
        ml.jobs.get(unique)
    with pytest.raises(HttpResponseError, match="nowhere"):
        submit(ml, "nowhere", environment, "true")

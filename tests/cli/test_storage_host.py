"""Storage accounts as host names: the command line and jobs need no name service for them."""
import pytest

from harness import Server


@pytest.fixture(scope="module")
def by_host(tmp_path_factory):
    folder = tmp_path_factory.mktemp("by-host")
    folder.chmod(0o700)
    config = folder / "lazurite.toml"
    config.write_text('[storage]\naddresses = "host"\n')
    config.chmod(0o600)
    with Server(folder) as server:
        yield server


def test_data_goes_up_and_a_job_reads_it(by_host, tmp_path):
    store = by_host.json("datastore", "show", "-n", "workspaceblobstore")
    assert store["account_name"].startswith("lz") and "/" not in store["account_name"]
    (tmp_path / "x.csv").write_text("a,b\n41,1\n")
    by_host.cli("data", "create", "--name", "d", "--type", "uri_file", "--path", tmp_path / "x.csv")
    (tmp_path / "job.yml").write_text(
        'command: cat ${{inputs.d}} && mkdir -p outputs && cp ${{inputs.d}} outputs/y.csv\n'
        'inputs: {d: {type: uri_file, path: "azureml:d@latest"}}\nenvironment: {image: "python:3.11-slim"}\n')
    made = by_host.json("job", "create", "-f", tmp_path / "job.yml", timeout=180)
    streamed = by_host.cli("job", "stream", "-n", made["name"], timeout=180)
    assert "41,1" in streamed.stdout
    by_host.cli("job", "download", "-n", made["name"], "--all", "-p", tmp_path / "got", timeout=60)
    assert [p.read_text() for p in (tmp_path / "got").rglob("y.csv")] == ["a,b\n41,1\n"]

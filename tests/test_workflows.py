"""The GitHub workflows: least permissions, pinned actions, and a comment that no pull request can misuse.

zizmor checks more (`nox -s lint`); what stands here is what this project promises beyond it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NAMES = [path.name for path in WORKFLOWS]

SOUND = """\
on: { push: {} }
permissions: {}
jobs:
  one:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    permissions: { contents: read }
    steps:
      - uses: actions/checkout@v4.2.2
        with: { persist-credentials: false }
      - run: .venv/bin/nox -s lint
"""


def workflow(name: str) -> dict[Any, Any]:
    found = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def problems(found: dict[Any, Any]) -> Iterator[str]:
    """What is wrong with a workflow, in words."""
    if found.get("permissions") not in ({}, {"contents": "read"}):
        yield f"permissions of all jobs: {found.get('permissions')}"
    # YAML reads the key "on" as true.
    if "pull_request_target" in (found.get(True) or {}):
        yield "pull_request_target runs with the rights of the repository"
    for name, job in found["jobs"].items():
        permissions = job.get("permissions", {})
        if permissions in ("write-all", "read-all") or "contents" in _written(permissions):
            yield f"{name}: permissions {permissions}"
        if "timeout-minutes" not in job:
            yield f"{name}: no timeout"
        for step in job["steps"]:
            yield from _of_step(name, step, writes=bool(_written(permissions)))


def _of_step(job: str, step: dict[str, Any], *, writes: bool) -> Iterator[str]:
    used = step.get("uses", "")
    if used and not re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", used):
        # Tags such as v4 and v4.2 move with every release.
        yield f"{job}: {used} is no action of GitHub's at the tag of one release"
    checks_out = used.startswith("actions/checkout@")
    if checks_out and step.get("with", {}).get("persist-credentials") is not False:
        yield f"{job}: the checkout keeps its credentials"
    if writes and (checks_out or "nox" in step.get("run", "") or ".ci/" in step.get("run", "")):
        yield f"{job}: it may write, and runs code of the checkout"


def _written(permissions: dict[str, str] | str) -> list[str]:
    return (
        [name for name, level in permissions.items() if level == "write"]
        if isinstance(permissions, dict)
        else []
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_is_sound(name: str):
    assert list(problems(workflow(name))) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("permissions: {}", "permissions: write-all", "permissions of all jobs: write-all"),
        ("permissions: {}\n", "", "permissions of all jobs: None"),
        ("{ contents: read }", "write-all", "one: permissions write-all"),
        ("{ contents: read }", "{ contents: write }", "one: permissions {'contents': 'write'}"),
        (
            "{ contents: read }",
            "{ pull-requests: write }",
            "one: it may write, and runs code of the checkout",
        ),
        ("push: {}", "pull_request_target: {}", "pull_request_target runs with the rights of the repository"),
        ("    timeout-minutes: 5\n", "", "one: no timeout"),
        ("@v4.2.2", "@main", "one: actions/checkout@main is no action of GitHub's at the tag of one release"),
        ("@v4.2.2", "@v4", "one: actions/checkout@v4 is no action of GitHub's at the tag of one release"),
        ("@v4.2.2", "@v4.2", "one: actions/checkout@v4.2 is no action of GitHub's at the tag of one release"),
        ("@v4.2.2", "", "one: actions/checkout is no action of GitHub's at the tag of one release"),
        ("actions/checkout", "x/y", "one: x/y@v4.2.2 is no action of GitHub's at the tag of one release"),
        ("        with: { persist-credentials: false }\n", "", "one: the checkout keeps its credentials"),
    ],
)
def test_an_unsound_workflow_is_told(old: str, new: str, problem: str):
    assert list(problems(yaml.safe_load(SOUND))) == []
    assert old in SOUND
    assert problem in list(problems(yaml.safe_load(SOUND.replace(old, new))))


def test_the_comment_is_written_by_a_job_that_can_do_nothing_else():
    comment = workflow("ci.yml")["jobs"]["comment"]
    assert comment["permissions"] == {"pull-requests": "write"}
    others = [job for name, job in workflow("ci.yml")["jobs"].items() if name != "comment"]
    assert all(job["permissions"] == {"contents": "read"} for job in others)


def test_the_comment_is_left_out_for_forks_and_written_where_there_is_a_regression():
    condition = " ".join(workflow("ci.yml")["jobs"]["comment"]["if"].split())
    assert "github.event.pull_request.head.repo.full_name == github.repository" in condition
    assert "!cancelled()" in condition  # without a status function, a failed job before it would skip it


def test_the_comment_is_what_the_comparison_wrote():
    jobs = workflow("ci.yml")["jobs"]
    kept = next(step for step in jobs["check-regressions"]["steps"] if "upload" in step.get("uses", ""))
    fetched, written = jobs["comment"]["steps"]
    assert kept["with"]["name"] == fetched["with"]["name"]
    assert kept["with"]["path"].split()[0] == "results/runs/ci"
    assert f"{fetched['with']['path']}/compare.md" in written["run"]


def test_only_older_runs_of_a_pull_request_are_cancelled():
    found = workflow("ci.yml")["concurrency"]
    assert found["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"
    assert "github.sha" in found["group"]


def test_packages_are_cached_wherever_they_are_installed():
    for job in workflow("ci.yml")["jobs"].values():
        installs = any("pip install" in step.get("run", "") for step in job["steps"])
        cached = [step["with"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
        assert installs == bool(cached)
        assert all(each["cache-dependency-path"] == "pyproject.toml" for each in cached)


def sessions_of(script: str) -> list[str]:
    """The nox sessions that a script runs, each as often as it runs it."""
    return [name for call in re.findall(r"nox -s ([a-z -]+)", script) for name in call.split()]


def test_each_session_of_ci_is_run_by_one_job_and_each_of_a_new_machine_by_some():
    steps = [step for job in workflow("ci.yml")["jobs"].values() for step in job["steps"]]
    ran = [name for step in steps for name in sessions_of(step.get("run", ""))]
    assert not any(".ci/run" in step.get("run", "") for step in steps)
    assert len(ran) == len(set(ran))
    assert set(ran) == {*sessions_of((ROOT / ".ci" / "run").read_text(encoding="utf-8")), "bench-tiny"}


def test_the_checker_takes_tags_of_no_actions_but_githubs():
    told = yaml.safe_load((ROOT / ".github" / "zizmor.yml").read_text(encoding="utf-8"))
    assert told["rules"].keys() == {"unpinned-uses"}
    assert told["rules"]["unpinned-uses"]["config"]["policies"] == {"actions/*": "ref-pin", "*": "hash-pin"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_script_of_a_workflow_holds_text_from_outside(path: Path):
    for job in workflow(path.name)["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


def test_the_gpu_workflow_runs_by_hand_and_weekly_on_a_gpu_runner_alone():
    found = workflow("bench-gpu.yml")
    assert set(found[True]) == {"workflow_dispatch", "schedule"}  # YAML reads the key "on" as true
    (job,) = found["jobs"].values()
    assert job["runs-on"] == ["self-hosted", "gpu"]


def test_the_gpu_workflow_keeps_results_whatever_became_of_the_session():
    (job,) = workflow("bench-gpu.yml")["jobs"].values()
    last = job["steps"][-1]
    assert last["uses"].startswith("actions/upload-artifact@")
    assert "always()" in last["if"]
    for place in ("results/benchmarks", "results/runs", "results/timings"):
        assert place in last["with"]["path"].split()

"""The project's sessions: what they run, in which order, and how they end."""

import importlib.util
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import nox.command
import nox.registry
import pytest
from fakes import answers, finished_run, put, row

from harness.analysis.history_entries import find_runs

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MATRICES = sorted((ROOT / "bench" / "matrices").glob("*.toml"))


class EndedError(Exception):
    """What `session.error` raises."""


class FakeSession:
    """Notes what a session does; a command that holds a word of `failing` fails.

    `during` is called with the words of each command, as the command itself.
    """

    def __init__(
        self,
        *posargs: str,
        failing: tuple[str, ...] = (),
        during: Callable[[tuple[str, ...]], Any] = lambda words: None,
    ) -> None:
        self.name = "bench"
        self.posargs = list(posargs)
        self.failing, self.during = failing, during
        self.installed: list[str] = []
        self.ran: list[tuple[str, ...]] = []
        self.allowed: list[list[int] | None] = []
        self.logged: list[str] = []

    def install(self, *packages: str) -> None:
        assert not self.ran, "installed too late"
        self.installed += packages

    def run(self, *words: str, success_codes: list[int] | None = None, **_: Any) -> str:
        self.ran.append(words)
        self.allowed.append(success_codes)
        self.during(words)
        if set(self.failing) & set(words):
            raise nox.command.CommandFailed("exit code 1")
        return "VGG16 ResNet101 ResNet101V2"

    def log(self, message: str) -> None:
        self.logged.append(message)

    def warn(self, message: str) -> None:
        self.logged.append(message)

    def error(self, message: str) -> NoReturn:
        raise EndedError(message)

    @property
    def commands(self) -> list[str]:
        """The commands that ran, by their first words."""
        return [" ".join(words[: 1 if words[0] == "pytest" else 2]) for words in self.ran]

    def words(self, command: str) -> list[str]:
        """The words behind a command's first ones."""
        (found,) = (words for words, name in zip(self.ran, self.commands, strict=True) if name == command)
        return list(found[len(command.split()) :])


@pytest.fixture(scope="module")
def noxfile() -> ModuleType:
    """The noxfile, imported as nox does it."""
    spec = importlib.util.spec_from_file_location("noxfile_under_test", ROOT / "noxfile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def sessions(noxfile: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The noxfile's sessions, in a folder where results may be written."""
    monkeypatch.chdir(tmp_path)
    return noxfile


def write_results(words: tuple[str, ...]) -> None:
    """Leave what a command of a bench session leaves."""
    if "--benchmark-json" in words:
        Path(words[words.index("--benchmark-json") + 1]).write_text("{}")
    if "--out" in words:
        folder = Path(words[words.index("--out") + 1])
        folder.mkdir(parents=True)
        (folder / ("leaderboard.md" if "run" in words else "timing.md")).write_text("")
    if "report" in words:
        for name in ("comparisons.md", "page.html"):
            (Path("results/runs/gpu") / name).write_text("")


# bench-gpu

GPU_COMMANDS = ["pytest", "transferbench run", "transferbench time", "transferbench report"]


def test_a_gpu_is_asked_for_first_then_suites_accuracy_and_time(sessions: ModuleType):
    session = FakeSession()
    sessions.bench_gpu(session)
    assert session.commands == ["transferbench doctor", *GPU_COMMANDS]
    assert session.words("transferbench doctor") == ["--require-gpu"]
    assert session.words("pytest")[:3] == ["bench", "--matrix", "bench/matrices/suites.toml"]
    assert session.words("transferbench run")[0] == "bench/matrices/gpu.toml"
    assert session.words("transferbench time")[0] == "bench/matrices/gpu.toml"
    assert session.words("transferbench report")[:3] == [
        "results/runs/gpu",
        "--timings",
        "results/timings/gpu",
    ]


def test_the_gpu_extra_and_the_bench_group_are_installed(sessions: ModuleType):
    session = FakeSession()
    sessions.bench_gpu(session)
    assert session.installed[:2] == ["-e", ".[gpu]"]
    assert any(package.startswith("pytest-benchmark") for package in session.installed)


def test_without_a_gpu_nothing_is_run_after_the_doctor_and_the_session_fails(sessions: ModuleType):
    session = FakeSession(failing=("doctor",))
    with pytest.raises(EndedError, match=r"doctor found what is in the way.*nox -s bench-cpu"):
        sessions.bench_gpu(session)
    assert session.commands == ["transferbench doctor"]


@pytest.mark.parametrize(
    ("failing", "told"),
    [(("pytest",), "suites"), (("run",), "run"), (("time",), "time"), (("pytest", "run"), "suites, run")],
)
def test_a_step_that_fails_keeps_none_from_running_and_fails_the_session(
    sessions: ModuleType, failing: tuple[str, ...], told: str
):
    session = FakeSession(failing=failing)
    with pytest.raises(EndedError, match=rf"^failed: {told};"):
        sessions.bench_gpu(session)
    assert session.commands == ["transferbench doctor", *GPU_COMMANDS]


def test_an_interruption_ends_the_session_at_once(sessions: ModuleType):
    def interrupt(words: tuple[str, ...]) -> None:
        if "pytest" in words:
            raise KeyboardInterrupt

    session = FakeSession(during=interrupt)
    with pytest.raises(KeyboardInterrupt):
        sessions.bench_gpu(session)
    assert session.commands == ["transferbench doctor", "pytest"]


def test_what_narrows_a_matrix_is_passed_to_all_that_read_it(sessions: ModuleType):
    words = ["--backbones", "VGG16", "--backbones", "ResNet*", "--devices", "gpu"]
    session = FakeSession(*words)
    sessions.bench_gpu(session)
    for command in ("pytest", "transferbench run", "transferbench time"):
        assert session.words(command)[-6:] == words
    assert session.words("transferbench doctor") == ["--require-gpu"]


@pytest.mark.parametrize(
    ("words", "takers"),
    [
        (["--data", "photos"], {"transferbench run"}),
        (["--weights-dir", "shelf"], {"transferbench doctor", "transferbench run"}),
        (["--cache", "cache"], {"transferbench doctor", "transferbench run"}),
        (["--passes", "3"], {"transferbench time"}),
        (["--seed", "7"], {"transferbench time"}),
    ],
)
def test_an_argument_goes_to_the_commands_that_take_it(
    sessions: ModuleType, words: list[str], takers: set[str]
):
    session = FakeSession(*words)
    sessions.bench_gpu(session)
    assert {name for name in session.commands if session.words(name)[-2:] == words} == takers


@pytest.mark.parametrize("words", [["--bakbones", "VGG16"], ["VGG16"], ["--backbones"]])
def test_an_argument_that_nothing_takes_ends_the_session_before_anything_is_installed(
    sessions: ModuleType, words: list[str], capsys: pytest.CaptureFixture[str]
):
    session = FakeSession(*words)
    with pytest.raises(SystemExit) as caught:
        sessions.bench_gpu(session)
    assert caught.value.code == 2
    assert "--backbones" in capsys.readouterr().err
    assert (session.installed, session.ran) == ([], [])


# What is left behind


def test_the_places_of_all_results_are_told(sessions: ModuleType):
    session = FakeSession(during=write_results)
    sessions.bench_gpu(session)
    *places, _ = session.logged
    assert places == [
        "pytest-benchmark: results/benchmarks/gpu.json",
        "run: results/runs/gpu",
        "leaderboard: results/runs/gpu/leaderboard.md",
        "timings: results/timings/gpu",
        "timing report: results/timings/gpu/timing.md",
        "comparisons: results/runs/gpu/comparisons.md",
        "page: results/runs/gpu/page.html",
    ]
    assert all(Path(line.split(": ")[1]).exists() for line in places)


def test_places_are_told_where_a_step_failed_and_what_it_did_not_write(sessions: ModuleType):
    def write(words: tuple[str, ...]) -> None:
        if "pytest" not in words:
            write_results(words)

    session = FakeSession(failing=("run", "pytest"), during=write)
    with pytest.raises(EndedError):
        sessions.bench_gpu(session)
    doubt = "(its step failed: incomplete, or of an earlier session)"
    *places, _ = session.logged
    assert places == [
        "pytest-benchmark: results/benchmarks/gpu.json (not written)",
        f"run: results/runs/gpu {doubt}",
        f"leaderboard: results/runs/gpu/leaderboard.md {doubt}",
        "timings: results/timings/gpu",
        "timing report: results/timings/gpu/timing.md",
        "comparisons: results/runs/gpu/comparisons.md",
        "page: results/runs/gpu/page.html",
    ]


def test_numbers_of_an_earlier_session_are_not_taken_for_this_ones(sessions: ModuleType):
    old = Path("results/benchmarks/gpu.json")
    old.parent.mkdir(parents=True)
    old.write_text("old")
    session = FakeSession(failing=("pytest",))
    with pytest.raises(EndedError):
        sessions.bench_gpu(session)
    assert not old.exists()


# How long it takes


@pytest.fixture
def clock(sessions: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeSession]:
    """Makes sessions of which each command takes so many seconds."""
    now = 1000.0

    def session(seconds: float, *posargs: str, **options: Any) -> FakeSession:
        def pass_time(_: tuple[str, ...]) -> None:
            nonlocal now
            now += seconds

        return FakeSession(*posargs, during=pass_time, **options)

    monkeypatch.setattr(sessions, "monotonic", lambda: now)
    return session


def test_how_long_the_steps_took_together_is_told(sessions: ModuleType, clock: Callable[..., FakeSession]):
    session = clock(4000)
    sessions.bench_cpu(session)
    assert session.logged[-1] == "time taken, without installing: 2:13:20"


def test_the_tiny_benchmark_may_take_three_minutes(sessions: ModuleType, clock: Callable[..., FakeSession]):
    session = clock(90)
    sessions.bench_tiny(session)
    assert session.logged[-1] == "time taken, without installing: 0:03:00"


def test_a_tiny_benchmark_that_takes_longer_fails_once_all_has_run(
    sessions: ModuleType, clock: Callable[..., FakeSession]
):
    session = clock(91)
    with pytest.raises(EndedError, match=r"everything ran, but took 0:03:02, and 0:03:00 is the limit"):
        sessions.bench_tiny(session)
    assert session.commands == ["pytest", "transferbench time"]


def test_a_step_that_failed_is_told_before_the_time(sessions: ModuleType, clock: Callable[..., FakeSession]):
    with pytest.raises(EndedError, match=r"^failed: suites;"):
        sessions.bench_tiny(clock(91, failing=("pytest",)))


def test_what_is_asked_of_a_tiny_benchmark_besides_may_take_its_time(
    sessions: ModuleType, clock: Callable[..., FakeSession]
):
    session = clock(1000, "--passes", "2")
    sessions.bench_tiny(session)
    assert session.logged[-1] == "time taken, without installing: 0:33:20"


# The others


def test_the_cpus_benchmark_times_and_trains_nothing_and_needs_no_gpu(sessions: ModuleType):
    session = FakeSession("--backbones", "VGG16")
    sessions.bench_cpu(session)
    assert session.commands == ["pytest", "transferbench time"]
    assert session.installed[:2] == ["-e", "."]
    words = ["--out", "results/timings/timing-cpu", "--backbones", "VGG16"]
    assert session.words("transferbench time") == ["bench/matrices/timing-cpu.toml", *words]
    assert session.words("pytest")[-4:] == ["--devices", "cpu", "--backbones", "VGG16"]


def test_the_cpus_benchmark_is_of_no_other_device(sessions: ModuleType):
    with pytest.raises(SystemExit):
        sessions.bench_cpu(FakeSession("--devices", "gpu"))


def test_the_tiny_benchmark_makes_one_pass_unless_told_otherwise(sessions: ModuleType):
    session = FakeSession("--passes", "2")
    sessions.bench_tiny(session)
    words = ["--passes", "1", "--rounds", "2", "--passes", "2"]
    assert session.words("transferbench time")[-6:] == words
    assert session.words("pytest")[2] == "bench/matrices/tiny.toml"


def test_an_argument_of_a_command_that_a_session_lacks_is_refused(sessions: ModuleType):
    with pytest.raises(SystemExit):
        sessions.bench_cpu(FakeSession("--data", "photos"))


# The tiny subset and its baseline

RUN_CI = ("transferbench", "run", "bench/matrices/ci.toml", "--out", "results/runs/ci")


def leave_a_run(words: tuple[str, ...]) -> None:
    """Leave what a run of the subset leaves, beside what was there."""
    if "run" in words:
        folder = Path("results/runs/ci/records")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "new.json").write_text("{}")


def test_the_subset_is_run_offline_and_compared_with_the_baseline(sessions: ModuleType):
    session = FakeSession(during=leave_a_run)
    sessions.check_regressions(session)
    first, second = session.ran
    assert first[:5] == RUN_CI
    assert "--offline" in first
    words = ("results/baselines/ci", "results/runs/ci", "--markdown", "results/runs/ci/compare.md")
    assert second == ("transferbench", "compare", *words)


def test_an_earlier_run_goes_to_the_history_with_facts_and_records_alone(sessions: ModuleType):
    run = finished_run(Path("results/runs/ci"), [row(answers(90)), row(answers(91), seed=1)])
    made = {path.name: path.read_bytes() for path in run.records.folder.iterdir()}
    for other in ("logs/a.log", "models/a.keras", "compare.md", "manifest.json"):
        put(run.path / other, b"other")
    session = FakeSession(during=leave_a_run)

    sessions.check_regressions(session)

    (kept,) = Path("results/runs/ci-history").iterdir()
    assert kept.name == "2025-01-02T03-04-05"  # when the first cell of the fakes begins
    assert {path.name for path in kept.iterdir()} == {"records", "run.json"}
    assert {path.name: path.read_bytes() for path in (kept / "records").iterdir()} == made
    assert [path.name for path in (run.path / "records").iterdir()] == ["new.json"]


def test_how_many_runs_are_kept_is_told_with_the_command_that_takes_them(sessions: ModuleType):
    session = FakeSession()
    sessions.check_regressions(session)
    assert session.logged == []
    for start in ("2025-01-02", "2025-01-03"):
        record = row(answers(90), started=f"{start}T03:04:05+00:00")
        finished_run(Path("results/runs/ci"), [record])
        session = FakeSession()
        sessions.check_regressions(session)
    finished_run(Path("results/runs/ci"), [row(answers(90))])
    (told,) = session.logged
    assert "results/runs/ci-history: 2" in told
    (command,) = re.findall("`transferbench history (.*)`", told)
    assert len(find_runs([Path(word) for word in command.split()])) == 3


def test_the_oldest_runs_go_when_there_are_many(sessions: ModuleType, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sessions, "MOST_KEPT", 2)
    for day in ("02", "03", "04"):
        record = row(answers(90), started=f"2025-01-{day}T03:04:05+00:00")
        finished_run(Path("results/runs/ci"), [record])
        sessions.check_regressions(FakeSession())
    assert [path.name[:10] for path in sessions.kept_runs()] == ["2025-01-03", "2025-01-04"]


@pytest.mark.parametrize("damage", [b"{}", b"not json", b"[]"])
def test_a_run_with_a_damaged_record_is_not_kept(sessions: ModuleType, damage: bytes):
    run = finished_run(Path("results/runs/ci"), [row(answers(90))])
    put(run.records.folder / "damaged.json", damage)
    sessions.check_regressions(FakeSession())
    assert sessions.kept_runs() == []
    assert not run.path.exists()


@pytest.mark.parametrize("session_name", ["check_regressions", "update_baseline"])
def test_nothing_of_an_earlier_run_is_resumed(sessions: ModuleType, session_name: str):
    old = Path("results/runs/ci/records/old.json")
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    caches: list[Path] = []

    def during(words: tuple[str, ...]) -> None:
        if "run" in words:
            assert not old.exists()
            caches.append(Path(words[words.index("--cache") + 1]))
            assert list(caches[0].iterdir()) == []
        leave_a_run(words)

    getattr(sessions, session_name)(FakeSession(during=during))
    assert len(caches) == 1
    assert not caches[0].exists()


def test_a_regression_fails_the_session_and_says_where_the_findings_are(sessions: ModuleType):
    session = FakeSession(failing=("compare",))
    with pytest.raises(EndedError, match=r"results/runs/ci/compare\.md.*nox -s update-baseline"):
        sessions.check_regressions(session)


def test_a_subset_with_failed_cells_is_compared_all_the_same(sessions: ModuleType):
    session = FakeSession()
    sessions.check_regressions(session)
    assert session.allowed == [[0, 1], None]


UPDATE = ["transferbench run", "transferbench compare", "python bench/update_baseline.py"]


def test_a_new_baseline_is_compared_with_the_old_one_first(sessions: ModuleType):
    session = FakeSession(during=leave_a_run)
    sessions.update_baseline(session)
    assert session.commands == UPDATE
    assert session.words("transferbench compare") == ["results/baselines/ci", "results/runs/ci"]
    assert session.words(UPDATE[-1]) == ["results/runs/ci"]
    assert (ROOT / "bench" / "update_baseline.py").is_file()


def test_no_end_of_the_comparison_keeps_a_baseline_from_being_replaced(sessions: ModuleType):
    """A damaged one (2) and none at all (4) are reasons to make one."""
    session = FakeSession()
    sessions.update_baseline(session)
    allowed = dict(zip(session.commands, session.allowed, strict=True))
    # Not 70: what breaks in the program itself is no reason.
    assert list(allowed["transferbench compare"] or ()) == [0, 1, 2, 3, 4]
    # A subset with a failed cell ends it before the baseline goes.
    assert allowed["transferbench run"] is None


@pytest.mark.parametrize("failing", ["run", "compare"])
def test_a_step_that_breaks_leaves_the_baseline_as_it_is(sessions: ModuleType, failing: str):
    session = FakeSession(failing=(failing,))
    with pytest.raises(nox.command.CommandFailed):
        sessions.update_baseline(session)
    assert UPDATE[-1] not in session.commands


@pytest.mark.parametrize("name", ["mutations", "alarms", "check_times"])
def test_the_proofs_run_a_script_of_theirs_and_take_its_options(sessions: ModuleType, name: str):
    session = FakeSession("--only", "seed")
    getattr(sessions, name)(session)
    ((command, script, *words),) = session.ran
    assert (command, words) == ("python", ["--only", "seed"])
    assert (ROOT / script).is_file()


# A browser


def on_a_machine(monkeypatch: pytest.MonkeyPatch, *programs: str, user: int = 0) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name if name in programs else None)
    monkeypatch.setattr("os.geteuid", lambda: user)


def test_a_browser_is_installed_where_there_is_none_and_root_may(
    noxfile: ModuleType, monkeypatch: pytest.MonkeyPatch
):
    on_a_machine(monkeypatch, "apt-get")
    session = FakeSession()
    noxfile.browser(session)
    assert [words[:2] for words in session.ran] == [("apt-get", "update"), ("apt-get", "install")]
    assert session.ran[-1][-1] == "chromium"


@pytest.mark.parametrize(("programs", "user"), [(("apt-get", "chromium"), 0), (("apt-get",), 1000), ((), 0)])
def test_no_browser_is_installed_where_one_is_or_nobody_may(
    noxfile: ModuleType, programs: tuple[str, ...], user: int, monkeypatch: pytest.MonkeyPatch
):
    on_a_machine(monkeypatch, *programs, user=user)
    session = FakeSession()
    noxfile.browser(session)
    assert session.ran == []


def test_a_browser_that_cannot_be_installed_is_told_and_stops_nothing(
    noxfile: ModuleType, monkeypatch: pytest.MonkeyPatch
):
    on_a_machine(monkeypatch, "apt-get")
    session = FakeSession(failing=("update",))
    noxfile.browser(session)
    assert session.logged == ["Chromium could not be installed: the tests of the page will skip"]


# What calls the sessions


def named_sessions(text: str) -> set[str]:
    """The sessions that a text calls: `nox -s one two -- ...`, and those listed behind such a call."""
    calls = re.findall(r"\bnox -s ([^`\n#()]+)", text)
    return {word for call in calls for word in shlex.split(call.split(" --")[0].split(";")[0])}


@pytest.mark.parametrize(
    "path",
    [ROOT / "README.md", ROOT / ".ci" / "run", *WORKFLOWS, *MATRICES],
    ids=lambda path: path.name,
)
@pytest.mark.usefixtures("noxfile")
def test_every_session_that_is_called_exists(path: Path):
    assert named_sessions(path.read_text(encoding="utf-8")) <= set(nox.registry.get())


def test_calls_are_found_where_there_are_some():
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert named_sessions(text) == {"browser", "tests", "lint", "types", "smoke", "check-regressions"}
    assert named_sessions("`nox -s bench-gpu -- --backbones VGG16`") == {"bench-gpu"}
    assert named_sessions("# Command:  nox -s one   (or: other)") == {"one"}


def test_lint_checks_the_workflows_without_a_network(noxfile: ModuleType):
    session = FakeSession()
    noxfile.lint(session)
    assert ("zizmor", "--offline", "--strict-collection", ".github/workflows") in session.ran
    assert any(package.startswith("zizmor") for package in session.installed)


def test_all_tests_run_each_backbone_in_a_process_of_its_own_whatever_fails(noxfile: ModuleType):
    session = FakeSession(failing=("VGG16] or VGG16-",))

    with pytest.raises(EndedError, match=r"failed: VGG16$"):
        noxfile.tests_all(session)

    words = [each for each in session.ran if each[0] == "pytest"]
    assert words[0] == ("pytest",)
    assert [each[-1] for each in words[2:]] == [
        "VGG16] or VGG16-",
        "ResNet101] or ResNet101-",
        "ResNet101V2] or ResNet101V2-",
    ]

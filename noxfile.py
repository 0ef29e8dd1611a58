"""The project's tasks; `nox -l` lists them.  CI calls these and nothing else."""

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2024.10.9"

PYPROJECT = nox.project.load_toml("pyproject.toml")
RUN = "results/runs/smoke"


def groups(*names: str) -> list[str]:
    """The packages of pyproject's dependency groups."""
    return nox.project.dependency_groups(PYPROJECT, *names)


@nox.session
def smoke(session: nox.Session) -> None:
    """Run the main job in small: synthetic images, the project's own base, no network."""
    session.install("-e", ".")
    session.run(
        "transferbench", "run", "bench/matrices/smoke.toml", "--out", RUN, "--offline", *session.posargs
    )


@nox.session(name="train-smoke-base")
def train_smoke_base(session: nox.Session) -> None:
    """Train the small base again and write its weights to harness/assets (some minutes)."""
    session.install("-e", ".")
    session.run("python", "bench/train_smoke_base.py", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; those on real images need TRANSFERBENCH_DATA and TRANSFERBENCH_WEIGHTS."""
    session.install("-e", ".", *groups("test"))
    session.run("pytest", *session.posargs)


@nox.session(name="tests-all")
def tests_all(session: nox.Session) -> None:
    """Run every test, the slow ones too."""
    session.install("-e", ".", *groups("test"))
    session.run("pytest", "-m", "", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*groups("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types strictly; TensorFlow and Keras are not needed for it."""
    untyped = {"keras", "scikit-learn", "seaborn", "scipy", "tensorflow"}
    needed = [
        requirement
        for requirement in PYPROJECT["project"]["dependencies"]
        if requirement.split(">")[0] not in untyped
    ]
    session.install(*needed, *groups("types"))
    session.run("mypy")

"""The leaderboard's section of ``figures/README.md``."""

from lab.leaderboard.table import SUBMIT, leaderboard

TEXT = f"""## Leaderboard

World models of anybody's on the same frozen problems, whose SHA-256 are in `lab/leaderboard/problems.json`. The planner
has the settings of the task's card. Differences are paired, with our shipped base model. Success in % [95 % interval],
over problems and, where there are several, training seeds. Entries are the files in `reference/leaderboard/`; they
were measured by who sent them, and have times, versions and the SHA-256 of code and weights. One more:
`{SUBMIT}`; [how to send it](../.github/CONTRIBUTING.md)."""


def section() -> str:
    """The section as Markdown, without the table where there are no entries."""
    table = leaderboard()
    rows = [list(table), ["---"] * len(table.columns), *table.to_numpy().tolist()] if len(table) else []
    return "\n".join([TEXT, "", *(f"| {' | '.join(row)} |" for row in rows)]).strip()

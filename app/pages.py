"""The pages, in the order of the bar at the top."""

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """One page: ``views/<name>.py``."""

    name: str
    title: str  #: in the bar
    icon: str
    heading: str  #: above the page
    about: str = ""  #: one line, for the start page
    in_browser: bool = False  #: computed in the browser, with sharing buttons of its own

    @property
    def path(self) -> str:
        """As Streamlit wants it."""
        return f"views/{self.name}.py"


VIEWS = (
    View("start", "Start", ":material/home:", "How planning fools a world model, and what helps"),
    View(
        "landscape", "Loss landscape", ":material/landscape:", "Loss landscape",
        "Fly over the loss that the planner descends.",
    ),
    View(
        "gap", "Train-test gap", ":material/compare_arrows:", "Train-test gap",
        "See where planning goes, where the data were, and what the model makes of both.",
    ),
    View(
        "anatomy", "Why plans fail", ":material/troubleshoot:", "Why plans fail",
        "Sort plans by what went wrong: the search, the model, or the loss.",
    ),
    View(
        "plan", "Live planning", ":material/route:", "Live planning",
        "Pick a task, a model and a planner; click a goal; watch methods race.",
    ),
    View(
        "fool", "Fool the model", ":material/psychology_alt:", "Fool the world model",
        "Drag start and goal, and watch Adam fool a world model, in your browser.", in_browser=True,
    ),
    View(
        "dream", "Drive the dream", ":material/sports_esports:", "Drive the dream",
        "Steer a world model and the true world at once, until they part.", in_browser=True,
    ),
    View(
        "efficiency", "Efficiency", ":material/timer:", "Efficiency",
        "Success against time, for every planner and model; measure it on this machine.",
    ),
    View(
        "results", "Results", ":material/table_chart:", "Results",
        "Every table and figure, with intervals, and how to make it again.",
    ),
    View(
        "train", "Your own", ":material/model_training:", "Your own",
        "Train a model of your own, or look into a checkpoint.",
    ),
)  # fmt: skip

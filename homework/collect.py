"""Take in what students returned, whatever their LMS made of the file names."""

import re
import shutil
import zipfile
from pathlib import Path

from nbgrader.plugins import FileNameCollectorPlugin

from homework.course import CHAPTERS, Course

IN_A_FOLDER = r"(?P<student>.+?_\d+)_assignsubmission_file_?.*"  # Moodle, a folder for each student
IN_A_NAME = [
    r".*?_(?P<student>[^_]+)_attempt_(?P<time>\d{4}(?:-\d\d){5})_.*",  # Blackboard
    r"(?P<student>.+?_\d+)_assignsubmission_file_.*",  # Moodle, all in one folder
    r"(?P<student>[^_]+?)_(?:LATE_)?(?P<number>\d+)_\d+_.*",  # Canvas
]


def collect(course: Course, chapter: int, returned: list[Path]) -> None:
    """Put every returned notebook into ``submitted/``; earlier archives stay, and are read again.

    Args:
        course: where to collect.
        chapter: 1 to 4.
        returned: folders, zips or notebooks.

    Raises:
        FileNotFoundError: there is nothing at one of the paths, or no notebook anywhere.
        ValueError: a zip is damaged.
    """
    name = CHAPTERS[chapter]
    archive = course.root / "downloaded" / name / "archive"
    for path in returned:
        if not path.exists():
            raise FileNotFoundError(f"there is nothing at {path}.")
        if path.suffix == ".zip" and not zipfile.is_zipfile(path):
            raise ValueError(f"{path} is not a zip, or is damaged. Download it again.")
        if path.is_dir():
            shutil.copytree(path, archive / path.name, dirs_exist_ok=True)
        else:
            target = archive if path.suffix == ".zip" else archive / "notebooks"
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    before = set(course.students(name))
    course.nbgrader("zip_collect", name, "--force")
    students = set(course.students(name))
    if not students:
        raise FileNotFoundError(f"no notebook was found in {', '.join(map(str, returned))}.")
    print(f"{len(students)} students have handed in, {len(students - before)} of them new.")


class LMSCollector(FileNameCollectorPlugin):
    """Tells from the path of a returned notebook who returned it.

    A folder for each student, ``ada/anything.ipynb``; one folder of ``ada.ipynb`` or
    ``ada_1_autoencoder.ipynb``; and the downloads of Moodle, Canvas and Blackboard.
    """

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.seen = set()

    def _match(self, filename):
        """Return student, notebook and, where the name has it, the time; None for what is no submission."""
        name = self.parent.coursedir.assignment_id
        place = Path(filename).relative_to(self.parent._format_collect_path(self.parent.extracted_directory))
        if "__MACOSX" in place.parts or place.name.startswith("."):
            return None
        found = whose(place, name)
        twice = (found["student_id"], found.get("timestamp")) in self.seen
        self.seen.add((found["student_id"], found.get("timestamp")))
        return found | {"file_id": f"{name} (another, {place.stem}).ipynb" if twice else f"{name}.ipynb"}


def whose(place: Path, name: str) -> dict[str, str]:
    """Return ``student_id`` and perhaps ``timestamp`` for a path inside an archive or folder.

    Args:
        place: begins with the name of that archive or folder.
        name: of the assignment.
    """
    if len(place.parts) > 2:
        folder = place.parts[1]
        match = re.fullmatch(IN_A_FOLDER, folder)
        return {"student_id": plain(match["student"] if match else folder)}
    for pattern in IN_A_NAME:
        if match := re.fullmatch(pattern, place.stem):
            parts = match.groupdict()
            found = {"student_id": plain("_".join(filter(None, [parts["student"], parts.get("number")])))}
            if time := parts.get("time"):
                found["timestamp"] = f"{time[:10]} {time[11:].replace('-', ':')} UTC"
            return found
    return {"student_id": plain(re.sub(rf"^{name}[_ -]+|[_ -]+{name}$", "", place.stem))}


def plain(student: str) -> str:
    """A student's id without what file systems and nbgrader cannot bear."""
    return re.sub(r"[^\w.@-]+", "_", student).strip("_")

"""Write docs/reference anew from the code."""

from tests.unit.docs.reference import FOLDER, PAGES

FOLDER.mkdir(exist_ok=True)
for name, page in PAGES.items():
    (FOLDER / name).write_text(page())

"""The blocks of docs/how-to/coding-agents.md, so that the tests run what the page says."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/how-to/coding-agents.md"
HEADING = re.compile(r"^#{2,3} (.+)$")
FENCE = re.compile(r"^```(\w+) ?(.*)$")


class Section:
    """What a heading has: files to write, by their paths, and the script to run."""

    def __init__(self):
        self.files, self.scripts = {}, []

    def add(self, language, path, text):
        if language == "sh":
            self.scripts.append(text)
        else:
            assert path, f"a block of {language} names no file"
            self.files[path] = text

    @property
    def script(self):
        (script,) = self.scripts
        return script


def sections():
    """The page's sections that have blocks, by their headings."""
    found, section, lines = {}, None, iter(PAGE.read_text().splitlines())
    for line in lines:
        if heading := HEADING.match(line):
            section = found.setdefault(heading[1], Section())
        elif fence := FENCE.match(line):
            text = "".join(f"{inner}\n" for inner in iter(lambda: next(lines), "```"))
            section.add(fence[1], fence[2], text)
    return {heading: section for heading, section in found.items() if section.scripts}


def filled_in(text, customer):
    """A block with a customer's own address, account and token in the place of the page's."""
    for written, own in [
        ("https://farebox.example.com", customer.url),
        ("ACCOUNT_ID", customer.account),
        ("fbx_YOUR_TOKEN", customer.runner),
    ]:
        text = text.replace(written, own)
    return text

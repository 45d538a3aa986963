"""Turns requests that an agent really made into recordings that may be kept: ids, paths and dates are replaced, and
so is prose, word by word, by other words of the same length. Structure, sizes and every parameter stay.
"""

import json
import re

# Common words by length. A word of the prose becomes the next one of its length, so that the text keeps its bytes
# and nearly its tokens.
WORDS = """a I
of to in it is be as at so we he by or on do if me my up an go no us am
the and for are but not you all any can had her was one our out day get has him his how man new now old see two way
that with have this will your from they know want been good much some time very when come here just like long make
which their would there could other about first these great after where think right place still water every under
people should before little number always letter animal mother father answer follow garden window summer winter
through another between because country thought without example picture several morning evening weather kitchen
sentence together children mountain question distance language complete remember possible whatever
different important something sometimes mountains questions beginning community direction knowledge
everything understand television newspaper government experience difficulty background particular
information temperature development environment opportunity performance immediately interesting
organisation relationship particularly construction satisfaction conversation
understanding international approximately""".split()
BY_LENGTH = {}
for word in WORDS:
    BY_LENGTH.setdefault(len(word), []).append(word)

IDENTIFIERS = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "00000000-0000-4000-8000-000000000000"),
    (re.compile(r"\b[0-9a-f]{56,64}\b"), "0" * 64),
    (re.compile(r"\b(ses|msg|call|toolu)_[0-9A-Za-z_]{16,}"), r"\1_000000000000000000000000"),
    (re.compile(r"\b20\d\d-\d\d-\d\d\b"), "2026-01-01"),
]
# A string that is longer than this, in bytes, is prose.
PROSE = 120
# What is no prose, however long it is.
KEPT = {"pattern", "model", "encrypted_content", "signature", "arguments"}


class Prose:
    """Words in the place of words; each length goes round its list."""

    def __init__(self):
        self.next = {}

    def __call__(self, text):
        return re.sub(r"[A-Za-z]+", lambda found: self.word(found[0]), text)

    def word(self, word):
        """One word, or words run together where there is none of that length."""
        longest = max(BY_LENGTH)
        if len(word) > longest:
            return self.word(word[:longest]) + self.word(word[longest:])
        if len(word) not in BY_LENGTH:
            return self.word(word[:3]) + self.word(word[3:])
        at = self.next.get(len(word), 0)
        self.next[len(word)] = at + 1
        other = BY_LENGTH[len(word)][at % len(BY_LENGTH[len(word)])]
        return other.upper() if word.isupper() and len(word) > 1 else other.capitalize() if word[0].isupper() else other


def recorded(body, replaced, prompt):
    """The body of a request without what belongs to a person or to the agent's authors. `replaced` maps texts, such
    as the temporary home, to what stands for them; `prompt` is what the test itself asked.
    """
    prose = Prose()

    def clean(value, name=""):
        if isinstance(value, dict):
            return {key: clean(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [clean(inner, name) for inner in value]
        if not isinstance(value, str):
            return value
        for text, other in replaced.items():
            value = value.replace(text, other)
        for pattern, other in IDENTIFIERS:
            value = pattern.sub(other, value)
        if name == "description":
            return prose(value)
        if len(value) <= PROSE or name in KEPT or prompt in value and len(value) < len(prompt) + PROSE:
            return value
        return prose(value)

    return clean(body)


def dumped(recording):
    return json.dumps(recording, indent=1, ensure_ascii=False) + "\n"

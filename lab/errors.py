"""The one exception of the lab."""


class LabError(Exception):
    """Something a person can mend; its text is the one sentence that says what and how."""

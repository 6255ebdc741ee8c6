"""The learner's own part of a traceback."""

import os
import traceback

MAX_TEXT = 64 * 1024


def bounded(text):
    """Text short enough to send, saying how much was left out."""
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]}… ({len(text) - MAX_TEXT} more characters)"


def message_of(error):
    try:
        return bounded(str(error))
    except BaseException as problem:  # __str__ is the learner's code too
        return f"(its text cannot be had: {type(problem).__name__})"


def describe(error, workspace):
    """type, message and traceback of an exception, frames in `workspace` only."""
    try:
        details = traceback.TracebackException.from_exception(error, compact=True)
        _trim(details, os.path.join(workspace, ""), set())
        text = "".join(details.format())
    except BaseException as problem:
        text = f"(the traceback cannot be had: {type(problem).__name__})\n"
    return {
        "type": type(error).__name__,
        "message": message_of(error),
        "traceback": bounded(text),
    }


def _trim(details, prefix, seen):
    if details is None or id(details) in seen:
        return
    seen.add(id(details))
    kept = []
    for frame in details.stack:
        if frame.filename.startswith(prefix):
            frame.filename = frame.filename[len(prefix) :]
            kept.append(frame)
    details.stack[:] = kept
    filename = getattr(details, "filename", None)
    if filename and filename.startswith(prefix):
        details.filename = filename[len(prefix) :]
    _trim(details.__cause__, prefix, seen)
    _trim(details.__context__, prefix, seen)

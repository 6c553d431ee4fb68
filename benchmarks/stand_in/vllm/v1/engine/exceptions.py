class EngineDeadError(Exception):
    """The core is gone."""

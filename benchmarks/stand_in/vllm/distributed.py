def cleanup_dist_env_and_memory() -> None:
    """There is no device memory."""

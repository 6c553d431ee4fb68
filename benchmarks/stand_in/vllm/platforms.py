"""The device: the product asks only whether it is a CPU."""


class _Platform:
    def is_cpu(self) -> bool:
        return True


current_platform = _Platform()

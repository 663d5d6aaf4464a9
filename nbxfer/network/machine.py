"""What this machine is short of, by psutil: charge and memory. Looked at now and then while something moves."""

from __future__ import annotations

import importlib.util

from nbxfer.core.surroundings import Machine


def look(battery: int, memory: int) -> Machine:
    """Give what is short: a battery on its own below ``battery`` percent, less than ``memory`` free bytes.

    0 for either: never. Where psutil is missing, or cannot tell, nothing is short.
    """
    if not (battery or memory) or importlib.util.find_spec("psutil") is None:
        return Machine()
    import psutil

    low = scarce = ""
    if battery and hasattr(psutil, "sensors_battery"):
        charge = psutil.sensors_battery()
        if charge is not None and charge.power_plugged is False and charge.percent < battery:
            low = f"the battery is at {charge.percent:.0f} %, and nothing charges it"
    if memory:
        free = psutil.virtual_memory().available
        if free < memory:
            scarce = f"only {free // 1_000_000} MB of memory are free"
    return Machine(low, scarce)

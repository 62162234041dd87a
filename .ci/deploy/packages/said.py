"""How a check speaks: a line for each thing shown, and an end at the first that does not hold."""


def say(text: str):
    print(f"  {text}", flush=True)


def check(holds: bool, otherwise: str):
    if not holds:
        raise SystemExit(f"packages: {otherwise}")

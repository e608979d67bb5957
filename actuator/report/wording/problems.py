"""Problems of the actuator itself, and of what it needs. Pure."""

from __future__ import annotations

from typing import Final

from actuator.core.settings import Settings
from actuator.report.wording.terms import CHECK_CHARGER, Problem, data_cable, evidence_device
from toolkit.formatting import percent, span

CLOCK: Final = Problem(
    "The clock may be wrong: quiet hours do not apply, and no exercise starts.",
    "Check the network and the time service (timedatectl), or add a hardware clock.",
    "The wall clock is not synchronised: quiet hours do not apply, and no exercise starts. "
    "Check the network and the time service (timedatectl), or add a hardware clock.",
)

NO_FULL: Final = Problem(
    "No full charge can start: nothing shows whether the battery is full.",
    "Set the battery's capacity in exporter.yml, or add the charger as a source.",
    "No full charge can start (full_charge): the exporter's page does not show whether the battery is full "
    "(battery_full). Set battery.capacity_ampere_hours in exporter.yml, or add the charger as a source.",
)

NO_READ_BACK: Final = Problem("This relay cannot be read back: its position is assumed.")

TORN: Final = Problem(
    "The journal of past runs was damaged at the start: less running time is left for 24 h.",
    "Check that Automatic, On or Off is as you want it, then press Reset journal alarm.",
    "The journal was found torn: at most max_run of running time in the next 24 h. Check the mode, then reset the "
    "journal alarm.",
)

SERVICE_DUE: Final = Problem(
    "The generator's service is due.",
    "Change its oil and filters, then press Reset service hours.",
)

LOST: Final = Problem(
    "The journal was lost, and with it profile, settings and service hours. Less running time is left for 24 h.",
    "Choose the mode and the profile again, and see when the next service is due. Then press Reset journal alarm.",
    "The journal was found torn, and its record is lost, with profile, edited settings and the hours to the service. "
    "At most max_run of running time in the next 24 h. Choose the mode and the profile again, see when the next "
    "service is due, then reset the journal alarm.",
)

HELD_UNKNOWN: Final = Problem(
    "The relay was closed over a power cut: until the clock is right, all running time counts as used.",
    "Check the network and the time service (timedatectl), or add a hardware clock.",
    "At the boot the contact was found closed, and without a clock it is not known for how long: the whole daily "
    "budget counts as used until the clock is synchronised. Check the time source.",
)

NO_PROOF: Final = Problem(
    "Nothing is set up that can confirm the generator.",
    details="Nothing can confirm the engine: the configuration switches off both kinds of evidence.",
)

NO_AGS: Final = Problem(
    "No data from the generator starter (AGS); starts are attempted anyway.",
    "Check its cable.",
    "No data from the generator starter (AGS); starts are attempted anyway. If there is none, set evidence.ags: false.",
)

NO_VOLTS: Final = Problem(
    "No battery volts: low volts alone cannot start the generator.",
    "Check the battery monitor and its cable.",
    "No battery volts: there is no emergency by volts.",
)

NO_SOC: Final = Problem("There is no battery reading.", "Check the power of the battery monitor, and its cable.")

SOC_REFUSED: Final = Problem("No battery reading is trusted.", "Check the battery monitors and their cables.")

RESTART_EXPORTER: Final = "Restart the service magnum-exporter on the site's computer."


def blind(*, unread: bool) -> Problem:
    """Return that there is nothing to decide by; `unread`: because the exporter's page cannot be read."""
    check = RESTART_EXPORTER if unread else "Check the power of the site's computer and of the battery monitor."
    return Problem("Neither a battery reading nor alerts arrive.", f"{check} If the lights dim, press On.")


def no_alerts(last_beat: str | None) -> Problem:
    """Return that the site's own values decide, because no alerts arrive."""
    silence = "yet" if last_beat is None else last_beat
    return Problem(
        f"No alerts have arrived {silence}: only the battery reading decides.",
        "Restart the services prometheus and prometheus-alertmanager on the site's computer.",
    )


def ags_cap(cap: float, allowed: float) -> Problem:
    """Return that the AGS's own cap shortens runs; both in seconds."""
    text = f"The AGS ends every run after {span(cap)}, with a fault: ours end after {span(allowed)}."
    short = f"Runs end after {span(allowed)}: the generator starter (AGS) allows at most that."
    remedy = "Raise Max Gen Run Time at the remote"
    return Problem(short, f"{remedy}.", f"{text} {remedy}, or lower limits.max_run.")


def stop_alert_stuck(alert: str, start_soc: float, stop_soc: float) -> Problem:
    """Return that the stop alert is ignored, why, until when, and what to do."""
    start, stop = percent(start_soc), percent(stop_soc)
    return Problem(
        f"{alert} fires although the battery is at {start} or less: it is ignored.",
        f"Check the rule {alert} and Alertmanager.",
        f"{alert} fires although the state of charge is at {start} or less: it is ignored until it has resolved, or "
        f"the state of charge is at {stop}. Check its rule and Alertmanager.",
    )


def relay_failed(error: str) -> Problem:
    """Return what the last command to the relay failed with."""
    return Problem(
        "The last command to the relay failed.", "Check the relay board and its cable.", f"The relay: {error}"
    )


def page_unreadable(error: str) -> Problem:
    """Return why the exporter's page cannot be read."""
    text = "The exporter's page cannot be read"
    return Problem("No answer from magnum-exporter.", RESTART_EXPORTER, f"{text}: {error}")


def journal_unwritable(error: str, *, mirrored: bool) -> Problem:
    """Return why the journal cannot be written, and what follows from that; `mirrored`: its mirror can be."""
    text, remedy = "The journal cannot be written", "Check the disk or the card."
    then = (
        "Its mirror in memory is kept until the machine reboots" if mirrored else "Only an emergency starts the engine"
    )
    return Problem(f"{text}. {then}.", remedy, f"{text}: {error}. {then}. {remedy}")


def mirror_unwritable(error: str) -> Problem:
    """Return why the journal's mirror cannot be written, and what follows from that."""
    text, then = "The journal's mirror cannot be written", "If the card fails too, only an emergency starts the engine."
    return Problem(f"{text}. {then}", "Check the free memory of this machine.", f"{text}: {error}. {then}")


def no_charge(seconds: float) -> Problem:
    """Return that the engine has run for so long without charging the battery."""
    length = span(round(seconds))
    remedy = CHECK_CHARGER
    return Problem(
        f"The engine has run for {length} without charging the battery.",
        remedy,
        f"The engine has run for {length} without charging: no direct current into the battery, and no rise of its "
        f"state of charge. {remedy}",
    )


def no_evidence(settings: Settings) -> Problem:
    """Return that nothing shows whether the engine runs."""
    page = "Nothing on the exporter's page shows whether the engine runs"
    return Problem(
        "No data shows whether the generator runs.",
        f"Check the {data_cable(by_ac=settings.evidence.ac_input)}.",
        f"{page}: is {evidence_device(settings)} on its bus?",
    )


def settings_dropped(reason: str) -> Problem:
    """Return that the profile and the edits were dropped."""
    return Problem(
        "What was set on this page does not fit the configuration file any more and was dropped.",
        "Set it again, or correct the file.",
        f"Profile and edits were dropped: {reason}. Set them again, or correct the file.",
    )


SOC_REFUSALS: Final = {
    "absent": "it does not know how full the battery is",
    "stale": "it sends nothing new",
    "range": "its value is impossible",
    "frozen": "its value does not change although current flows",
    "jump": "its value has jumped",
    "outvoted": "two others contradict it",
}
"""Why magnum-exporter does not trust a source of a state of charge."""


def soc_source(*, trusted: bool, lead: bool, refused: str) -> str:
    """Return whether a source of a state of charge is trusted, or why not."""
    if trusted:
        return "trusted, and the one that counts" if lead else "trusted"
    return f"not trusted: {SOC_REFUSALS.get(refused, refused)}" if refused else "not trusted"

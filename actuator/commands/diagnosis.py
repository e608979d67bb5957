"""Judge the whole chain, from the devices to a person's telephone, by what the programs answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, get_args

import msgspec

from actuator.commands import upsmon
from actuator.commands.routing import deliveries
from actuator.config import Access, Role
from toolkit.findings import Finding, secrets
from toolkit.formatting import percent, span

ACTING: Final = ("BatterySocLow", "BatterySocRecovered", "GeneratorHeartbeat")
"""The alerts without which the alert path is dead."""

Samples = Mapping[str, Sequence[tuple[Mapping[str, str], float]]]
"""The samples of a page by the metric's name: labels and value."""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What the parts of a site have answered. A text instead of an answer is the reason why there is none.

    Attributes:
        config_errors: each with file, line, got and expected.
        config_warnings: what is unusual in the file.
        exposed: a sentence for each file that everybody on the machine may read or write.
        heartbeat_timeout: seconds, of the file; None: it cannot be read.
        status: of `GET /api/v1/status`.
        metrics: of the actuator.
        page: the metrics of the exporter.
        targets: of Prometheus, `GET /api/v1/targets`.
        rules: of Prometheus, `GET /api/v1/rules`.
        alertmanagers: of Prometheus, `GET /api/v1/alertmanagers`.
        receivers: of Alertmanager's configuration; of each its name and what it sends to.
        route: of the same configuration, `route:`.
        thresholds: of Prometheus, `GET /api/v1/query` for the actuator's start threshold.
        alerts: the names of the alerts that act and beat, and of those that forbid a run, of the file.
        heartbeat: the name of the one that beats.
        match: labels that each of them must have.
        access: who may do what, of the file; None: everybody who is let in may do all.
        users: of the actuator's web configuration.
        clients: by role, the user whom Alertmanager and Prometheus name; absent: none, or not known.
        card: why nothing can be written to the journal's folder, and what to do; None: it can, or that is not known.
        upsmon: the one that runs on the actuator's machine; None: none does.
    """

    config_errors: tuple[str, ...] = ()
    config_warnings: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    heartbeat_timeout: float | None = None
    status: dict[str, Any] | str = "not asked"
    metrics: Samples | str = "not asked"
    page: Samples | str = "not asked"
    targets: dict[str, Any] | str = "not asked"
    rules: dict[str, Any] | str = "not asked"
    alertmanagers: dict[str, Any] | str = "not asked"
    receivers: dict[str, tuple[str, ...]] | str = "not asked"
    route: object = None
    thresholds: dict[str, Any] | str = "not asked"
    alerts: tuple[str, ...] = (*ACTING, "GeneratorInhibit")
    heartbeat: str = "GeneratorHeartbeat"
    match: Mapping[str, str] = {}
    access: Access | None = None
    users: tuple[str, ...] = ()
    clients: Mapping[Role, str] = {}
    card: tuple[str, str] | None = None
    upsmon: upsmon.Upsmon | None = None


def diagnose(answers: Answers) -> tuple[Finding, ...]:
    """Return every finding, in the order of the chain: files, devices, actuator, alerts, people."""
    return tuple(finding for check in _CHECKS for finding in _guarded(check, answers))


def _guarded(check: Callable[[Answers], Iterator[Finding]], answers: Answers) -> Iterator[Finding]:
    """Yield what a check finds; an answer of another version must not hide what the other checks find."""
    try:
        yield from check(answers)
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        yield Finding(
            check=check.__name__.removeprefix("_"),
            state="wrong",
            text=f"An answer is not understood ({type(error).__name__}: {error}).",
            remedy="After an update, restart both programs: systemctl restart magnum-exporter generator-actuator",
        )


def _configuration(answers: Answers) -> Iterator[Finding]:
    check = "configuration"
    remedy = "Correct the file, then check it: generator-actuator --config.check"
    for error in answers.config_errors:
        yield Finding(check=check, state="wrong", text=error, remedy=remedy)
    for warning in answers.config_warnings:
        yield Finding(check=check, state="note", text=warning)
    if not answers.config_errors:
        yield Finding(check=check, state="well", text="The file is valid.")


def _secrets(answers: Answers) -> Iterator[Finding]:
    return secrets(answers.exposed)


def _roles(answers: Answers) -> Iterator[Finding]:
    check = "roles"
    if answers.access is None:
        if answers.users:
            text = f"Each of these users may read, notify and command: {', '.join(answers.users)}."
            remedy = "One role each: access: {read: [prometheus], notify: [alertmanager], command: [owner]}"
            yield Finding(check=check, state="note", text=text, remedy=remedy)
        else:
            yield Finding(check=check, state="well", text="There are no users: it listens on this machine alone.")
        return
    wrong = False
    refused: Mapping[Role, str] = {"read": "Prometheus cannot scrape it", "notify": "Alertmanager is refused"}
    for role, who in refused.items():
        user = answers.clients.get(role)
        if not any(answers.access.permits(name, role) for name in answers.users) or (
            user is not None and not answers.access.permits(user, role)
        ):
            wrong = True
            lacks = f"the user {user}, whom it is asked as, is not in" if user is not None else "nobody is in"
            text, remedy = (
                f"{who}: {lacks} access.{role}.",
                f"Add the user to `access: {{{role}: [...]}}`, then reload.",
            )
            yield Finding(check=check, state="wrong", text=text, remedy=remedy)
    if not any(answers.access.permits(name, "command") for name in answers.users):
        wrong = True
        text, remedy = "Nobody may command: no user is in access.command.", "Add yourself: access: {command: [owner]}"
        yield Finding(check=check, state="wrong", text=text, remedy=remedy)
    if not wrong:
        text = "; ".join(f"{role}: {', '.join(getattr(answers.access, role))}" for role in get_args(Role))
        yield Finding(check=check, state="well", text=f"{text}.")


def _devices(answers: Answers) -> Iterator[Finding]:
    if isinstance(answers.page, str):
        yield Finding(
            check="exporter",
            state="wrong",
            text=f"The exporter's page cannot be read: {answers.page}",
            remedy="Look why: systemctl status magnum-exporter; journalctl -u magnum-exporter",
        )
        return
    ups = {
        (name.removesuffix("_up"), labels["device"]): value
        for name, samples in answers.page.items()
        if name.endswith("_up")
        for labels, value in samples
        if "device" in labels
    }
    silent = [device for (_, device), up in ups.items() if up != 1]
    swapped = [labels["device"] for labels, value in answers.page.get("magnum_wires_swapped", ()) if value == 1]
    for device in swapped:
        text = f"{device} (magnum): A and B are swapped."
        yield Finding(check="devices", state="wrong", text=text, remedy="Swap the two data wires at the adapter.")
    for family, device in (key for key, up in ups.items() if up != 1 and key[1] not in swapped):
        command = "magnum-exporter listen PORT" if family in ("magnum", "pylontech") else "magnum-exporter doctor"
        yield Finding(
            check="devices",
            state="wrong",
            text=f"{device} ({family}) does not answer.",
            remedy=f"Check its power, its cable and its port in exporter.yml; look at it: {command}",
        )
    if not ups:
        yield Finding(check="devices", state="wrong", text="The exporter has no device.", remedy="Edit exporter.yml.")
    elif not silent:
        names = ", ".join(sorted({device for _, device in ups}))
        yield Finding(check="devices", state="well", text=f"All answer: {names}.")


def _charge(answers: Answers) -> Iterator[Finding]:
    if isinstance(answers.page, str):
        return
    ratio = _value(answers.page, "battery_soc_ratio")
    if ratio is not None:
        leads = [labels["source"] for labels, value in answers.page.get("battery_soc_lead", ()) if value == 1]
        yield Finding(
            check="state of charge", state="well", text=f"{percent(ratio)}, by {', '.join(leads) or 'no source'}."
        )
        return
    why = [
        f"{labels['source']}: {labels['reason']}"
        for labels, value in answers.page.get("battery_soc_refused", ())
        if value == 1
    ]
    yield Finding(
        check="state of charge",
        state="wrong",
        text=f"No source is trusted ({', '.join(why) or 'no device has one'}).",
        remedy="See the runbook BatterySocAbsent: a device must answer and its value must be plausible.",
    )


def _actuator(answers: Answers) -> Iterator[Finding]:
    if isinstance(answers.status, str):
        remedy = "Look why: systemctl status generator-actuator; journalctl -u generator-actuator"
        if "password" in answers.status:
            remedy = "It runs. Then run doctor again, as a user with the role read."
        yield Finding(check="actuator", state="wrong", text=answers.status, remedy=remedy)
        return
    status = answers.status
    state: Literal["well", "note", "wrong"] = "well"
    if status["severity"] in ("attention", "act_now"):
        state = "wrong" if status["severity"] == "act_now" else "note"
    yield Finding(
        check="actuator",
        state=state,
        text=f"{status['headline']} {status['reason']}".strip(),
        remedy=status["remedy"] if state != "well" else "",
    )
    if status["mode"] == "off":
        yield Finding(
            check="mode",
            state="note",
            text="The mode is off: nothing starts the generator.",
            remedy="When all is well: generator-actuator commission, then generator-actuator mode auto",
        )
    yield _contact(status["contact"])
    if status["clock_sane"]:
        yield Finding(check="clock", state="well", text="The clock is synchronised.")
    else:
        yield Finding(
            check="clock",
            state="note",
            text="The clock is not known to be right: quiet hours, exercise and the dates of rows depend on it.",
            remedy="With a network: timedatectl set-ntp true. Without one: fit a battery-backed clock (RTC).",
        )


def _contact(contact: Mapping[str, Any]) -> Finding:
    remedy = "Check the board's cable, then: generator-actuator relays; generator-actuator status"
    if contact["fault"]:
        return Finding(check="relay", state="wrong", text=f"{contact['relay']}: {contact['fault']}.", remedy=remedy)
    if not contact["can_read_back"]:
        text = f"{contact['relay']} cannot be read back: only the engine shows whether a command worked."
        return Finding(check="relay", state="note", text=text)
    if contact["read_back"] is None:
        return Finding(check="relay", state="wrong", text=f"{contact['relay']} cannot be read.", remedy=remedy)
    if contact["read_back"] != contact["wanted"]:
        words = {True: "closed", False: "open"}
        text = f"{contact['relay']} reads {words[contact['read_back']]}, expected {words[contact['wanted']]}."
        if contact["read_back"]:
            remedy = (
                "The engine may run: stop it at its own switch. Take the board's power away; a contact that stays "
                "closed has welded, and the board must be replaced."
            )
        return Finding(check="relay", state="wrong", text=text, remedy=remedy)
    where = "closed" if contact["read_back"] else "open"
    return Finding(check="relay", state="well", text=f"{contact['relay']} reads {where}, as commanded.")


def _shutdown(answers: Answers) -> Iterator[Finding]:
    if answers.upsmon is not None:
        yield upsmon.finding(answers.upsmon)


def _records(answers: Answers) -> Iterator[Finding]:
    if isinstance(answers.metrics, str):
        return
    for metric, check, remedy in (
        (
            "generator_journal_writable",
            "journal",
            "Look at the card: df -h; dmesg. See the runbook GeneratorJournalFailing.",
        ),
        ("generator_journal_mirrored", "mirror", "Look at the folder `mirror:` of actuator.yml."),
        ("generator_history_writable", "history", "Look at the card: df -h; dmesg. No decision depends on it."),
    ):
        written = _value(answers.metrics, metric)
        if written == 0:
            worst: Literal["note", "wrong"] = "note" if check == "history" else "wrong"
            text = f"The {check} cannot be written."
            if answers.card is not None and check != "mirror":
                why, remedy = answers.card  # noqa: PLW2901 - it knows more
                text = f"The {check} cannot be written: {why}"
            yield Finding(check=check, state=worst, text=text, remedy=remedy)
        elif written == 1:
            yield Finding(check=check, state="well", text=f"The {check} is written.")
        elif check == "mirror":
            text = "There is none: a card that goes read-only loses what a restart must know."
            yield Finding(check=check, state="note", text=text, remedy="Set `mirror: /run/generator-actuator`.")


def _prometheus(answers: Answers) -> Iterator[Finding]:
    check = "Prometheus"
    if isinstance(answers.targets, str):
        yield Finding(
            check=check,
            state="wrong",
            text=f"Prometheus does not answer: {answers.targets}",
            remedy="systemctl status prometheus; at another address: generator-actuator doctor --prometheus URL",
        )
        return
    targets = answers.targets.get("activeTargets", [])
    for job in ("magnum-exporter", "generator-actuator"):
        found = [target for target in targets if target.get("labels", {}).get("job") == job]
        if not found:
            text, remedy = f"It has no job {job}.", "Copy the jobs of alerts/prometheus.yml into prometheus.yml."
            yield Finding(check=check, state="wrong", text=text, remedy=remedy)
        for target in found:
            if target.get("health") == "up":
                yield Finding(check=check, state="well", text=f"It scrapes {job}.")
                continue
            yield Finding(
                check=check,
                state="wrong",
                text=f"It cannot scrape {job}: {target.get('lastError') or 'not tried yet'}",
                remedy="A wrong password needs `basic_auth:` in the job; a refused connection, a running program.",
            )


def _rules(answers: Answers) -> Iterator[Finding]:
    if isinstance(answers.rules, str):
        return
    rules = {rule["name"]: rule for group in answers.rules.get("groups", []) for rule in group.get("rules", [])}
    missing = [name for name in ACTING if name not in rules]
    if missing:
        yield Finding(
            check="rules",
            state="wrong",
            text=f"Prometheus has no rule {', '.join(missing)}.",
            remedy="Add alerts/rules.yml to `rule_files:` in prometheus.yml, then: systemctl reload prometheus",
        )
    failing = [f"{name}: {rule.get('lastError')}" for name, rule in rules.items() if rule.get("health") == "err"]
    if failing:
        yield Finding(
            check="rules",
            state="wrong",
            text=f"A rule fails: {'; '.join(failing)}",
            remedy="See the runbook PrometheusRuleFailures.",
        )
    if "GeneratorActuatorDown" not in rules:
        text, remedy = "The rules for people are not loaded.", "Add alerts/people.yml to `rule_files:`."
        yield Finding(check="rules", state="wrong", text=text, remedy=remedy)
    if not missing and not failing:
        yield Finding(check="rules", state="well", text=f"{len(rules)} rules are loaded and evaluate.")
    if isinstance(answers.thresholds, str):
        return
    if answers.thresholds.get("result"):
        text = "Prometheus has the actuator's thresholds, with which the rules compare."
        yield Finding(check="thresholds", state="well", text=text)
    else:
        yield Finding(
            check="thresholds",
            state="wrong",
            text="Prometheus has no generator_start_soc_ratio, so no alert can start or stop the engine.",
            remedy="It must scrape the actuator: see the job generator-actuator of alerts/prometheus.yml",
        )


def _alertmanager(answers: Answers) -> Iterator[Finding]:
    if not isinstance(answers.alertmanagers, str) and not answers.alertmanagers.get("activeAlertmanagers"):
        yield Finding(
            check="Alertmanager",
            state="wrong",
            text="Prometheus sends its alerts to no Alertmanager.",
            remedy="Copy `alerting:` of alerts/prometheus.yml into prometheus.yml, then: systemctl reload prometheus",
        )
    if isinstance(answers.receivers, str):
        yield Finding(
            check="Alertmanager",
            state="wrong",
            text=f"Alertmanager does not answer: {answers.receivers}",
            remedy="systemctl status prometheus-alertmanager; elsewhere: generator-actuator doctor --alertmanager URL",
        )
        return
    ours = [name for name, targets in answers.receivers.items() if any(_leads_here(name, one) for one in targets)]
    if ours:
        yield Finding(check="Alertmanager", state="well", text=f"Its receiver {', '.join(ours)} leads to the actuator.")
    else:
        yield Finding(
            check="Alertmanager",
            state="wrong",
            text="No receiver leads to the actuator.",
            remedy="Copy the routes and the receiver `generator` of alerts/alertmanager.yml.",
        )
    people = [name for name, targets in answers.receivers.items() if targets and name not in ours]
    if not people:
        yield Finding(
            check="people",
            state="wrong",
            text="No one gets messages: no receiver for people sends anything.",
            remedy="Fill in the receiver `people` in alertmanager.yml, then: systemctl reload prometheus-alertmanager",
        )
    if isinstance(answers.route, dict):
        yield from _routes(answers, answers.route, ours, people)
    elif people:
        yield Finding(check="people", state="well", text=f"Receivers for people: {', '.join(people)}.")


def _routes(answers: Answers, route: object, ours: Sequence[str], people: Sequence[str]) -> Iterator[Finding]:
    """Follow the alerts through Alertmanager's routes, to the actuator and to people."""
    astray: dict[str, str] = {}
    beats: float | None = None
    for alert in answers.alerts:
        sent = deliveries(route, {**answers.match, "alertname": alert, "severity": "none"})
        here = [delivery for delivery in sent if delivery.receiver in ours]
        if not here:
            astray[alert] = ", ".join(delivery.receiver for delivery in sent)
        elif alert == answers.heartbeat:
            beats = here[0].every
    if astray and ours:
        text = "; ".join(f"{alert} goes to {receivers}" for alert, receivers in astray.items())
        yield Finding(
            check="route",
            state="wrong",
            text=f"{text}, and not to the actuator.",
            remedy="Put both routes to `generator` of alerts/alertmanager.yml before all others; prove it: "
            f"amtool config routes test alertname={next(iter(astray))} severity=none",
        )
    elif ours:
        yield Finding(check="route", state="well", text=f"To the actuator: {', '.join(answers.alerts)}.")
    if beats is not None and answers.heartbeat_timeout is not None and beats >= answers.heartbeat_timeout:
        yield Finding(
            check="route",
            state="wrong",
            text=f"A heartbeat is sent every {span(beats)}, and the actuator waits for "
            f"{span(answers.heartbeat_timeout)}.",
            remedy="Give its route `group_interval: 1m` and `repeat_interval: 50s`, as in alerts/alertmanager.yml.",
        )
    for severity in ("critical", "warning") if people else ():
        sent = deliveries(route, {**answers.match, "alertname": "GeneratorLockedOut", "severity": severity})
        reached = [delivery.receiver for delivery in sent if delivery.receiver in people]
        if reached:
            text = f"Alerts of severity {severity} go to {', '.join(reached)}."
            yield Finding(check="people", state="well", text=text)
        else:
            names = ", ".join(delivery.receiver for delivery in sent)
            yield Finding(
                check="people",
                state="wrong",
                text=f"Alerts of severity {severity} reach nobody: they go to {names}.",
                remedy=f"Route them to {people[0]}; prove it: amtool config routes test severity={severity}",
            )


def _leads_here(receiver: str, target: str) -> bool:
    """Return whether a receiver's target is the actuator's webhook; newer Alertmanagers do not show the URL."""
    return "/api/v1/alerts" in target or (target == "<secret>" and receiver == "generator")


def _heartbeat(answers: Answers) -> Iterator[Finding]:
    if isinstance(answers.status, str) or answers.heartbeat_timeout is None:
        return
    beat, now = answers.status["last_beat"], answers.status["time"]
    if beat is not None and now - beat < answers.heartbeat_timeout:
        left = span(answers.heartbeat_timeout - (now - beat))
        text = f"The last one came {span(now - beat)} ago. Without another the actuator decides by itself in {left}."
        yield Finding(check="heartbeat", state="well", text=text)
        return
    if answers.status["path"] == "waiting":
        after = span(answers.heartbeat_timeout)
        text = f"None has come yet. Without one the actuator decides by itself {after} after its start."
        yield Finding(check="heartbeat", state="note", text=text, remedy="Wait for it, then run doctor again.")
        return
    since = "None has come since the start" if beat is None else f"None has come for {span(now - beat)}"
    yield Finding(
        check="heartbeat",
        state="wrong",
        text=f"{since}: the actuator decides by itself.",
        remedy="amtool config routes test alertname=GeneratorHeartbeat must name generator. A 401 in Alertmanager's "
        "log means a wrong password. See the runbook GeneratorFallback.",
    )


_CHECKS: Final[tuple[Callable[[Answers], Iterator[Finding]], ...]] = (
    *(_configuration, _secrets, _roles, _devices, _charge, _actuator, _shutdown, _records),
    *(_prometheus, _rules, _alertmanager, _heartbeat),
)


def receivers(document: object) -> dict[str, tuple[str, ...]]:
    """Return what each receiver of Alertmanager's configuration sends to: a URL, or the kind of the integration."""
    found: dict[str, tuple[str, ...]] = {}
    given = document.get("receivers") if isinstance(document, dict) else None
    for receiver in given if isinstance(given, list) else []:
        targets = [
            str(one.get("url", kind)) if isinstance(one, dict) else kind
            for kind, integrations in receiver.items()
            if kind.endswith("_configs") and isinstance(integrations, list)
            for one in integrations
        ]
        found[str(receiver.get("name"))] = tuple(targets)
    return found


def _value(samples: Samples, metric: str) -> float | None:
    return next((value for _, value in samples.get(metric, ())), None)

"""List, show and send aggregate reports."""

from datetime import UTC, datetime
from typing import Any

import click

from mailserver.cli.accounts import show
from mailserver.cli.connection import Operator

KINDS = click.Choice(["dmarc", "tls"])
DIRECTIONS = click.Choice(["in", "out"])
_POLICIES = {"sts": "MTA-STS", "tlsa": "DANE", "no-policy-found": "no policy"}


@click.group()
def reports() -> None:
    """Read what others report about our domains, and what we report about theirs."""


@reports.command("list")
@click.option("--domain", help="Only reports about this domain.")
@click.option("--kind", type=KINDS, help="Authentication (dmarc) or encryption (tls).")
@click.option("--direction", type=DIRECTIONS, help="Received or sent.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.pass_obj
def list_reports(operator: Operator, domain: str | None, kind: str | None, direction: str | None, limit: int) -> None:
    """List reports, the newest first."""
    rows = operator.run("reports.list", domain=domain, kind=kind, direction=direction, limit=limit)
    if operator.as_json:
        show(operator, rows)
        return
    if not rows:
        click.echo("There are no reports.")
    for row in rows:
        other = row["submitter"] if row["direction"] == "in" else row["destination"]
        click.echo(
            f"{row['id']}  {_day(row['begin_at'])}  {row['direction']:3} {row['kind']:5} {row['domain']:30} "
            f"{row['total']:8} seen {row['failed']:8} failed  {_state(row)}  {other}"
        )


@reports.command("show")
@click.argument("identifier", metavar="ID")
@click.option("--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Rows to show.")
@click.pass_obj
def show_report(operator: Operator, identifier: str, limit: int) -> None:
    """Show what a report says."""
    report = operator.run("reports.show", id=identifier, limit=limit)
    if operator.as_json:
        show(operator, report)
        return
    content = report["content"]
    show(operator, {
        "report": f"{report['kind']} {report['direction']}, {_state(report)}",
        "domain": report["domain"],
        "reporter": f"{report['organization']} ({report['submitter']})",
        "period": f"{_time(report['begin_at'])} to {_time(report['end_at'])} UTC",
        "report id": report["report_id"],
        **({"destination": report["destination"]} if report["destination"] else {}),
        **({"note": report["note"]} if report["note"] else {}),
    })  # fmt: skip
    for delivery in report["deliveries"]:
        click.echo(f"{'delivery':15} {delivery['id']} {delivery['state']} {delivery['last_reply'] or ''}")
    click.echo()
    if report["kind"] == "dmarc":
        _show_dmarc(content)
    else:
        _show_tls(content)
    left = report["rows"] - min(limit, report["rows"])
    if left:
        click.echo(f"… and {left} more; see them with --limit.")


@reports.command("send")
@click.option("--today", is_flag=True, help="Also what was counted today; the rest of the day gets its own report.")
@click.pass_obj
def send_reports(operator: Operator, today: bool) -> None:
    """Send the reports of days that are over now, and not some hours after midnight."""
    answer = operator.run("reports.send", today=today)
    if operator.as_json:
        show(operator, answer)
    else:
        click.echo(f"{answer['made']} made, {answer['sent']} sent.")


def _show_dmarc(content: dict[str, Any]) -> None:
    policy = content["published"]
    named = ("p", "sp", "np", "adkim", "aspf", "fo", "testing")
    tags = [f"{name}={policy[name]}" for name in named if policy[name]]
    click.echo(f"Policy of {policy['domain']}: {' '.join(tags)}\n")
    click.echo(f"{'source':39} {'count':>8}  {'done':10} {'dkim':5} {'spf':5} from")
    for row in content["rows"]:
        click.echo(
            f"{row['source_ip'] or '?':39} {row['count']:8}  {row['disposition']:10} {row['dkim']:5} {row['spf']:5} "
            f"{row['header_from']}" + (f" (sent by {row['envelope_from']})" if row["envelope_from"] else "")
        )
        for each in row["signatures"]:
            click.echo(_result("DKIM", each, f"{each['domain']} with {each['selector']}", row, "dkim"))
        for each in row["senders"]:
            click.echo(_result("SPF", each, each["domain"], row, "spf"))
        for each in row["reasons"]:
            click.echo(f"    policy not applied: {each['type'].replace('_', ' ')} {each['comment']}".rstrip())


def _result(method: str, each: dict[str, Any], who: str, row: dict[str, Any], verdict: str) -> str:
    aligned = ""
    if each["result"] == "pass":
        near = _is_near(each["domain"], row["header_from"])
        aligned = ", aligned with From" if row[verdict] == "pass" and near else ", not aligned with From"
    why = f" ({each['human_result']})" if each["human_result"] else ""
    return f"    {method} {each['result']} of {who}{aligned}{why}"


def _is_near(one: str, other: str) -> bool:
    """Which of several passed results is the aligned one, as far as names tell it."""
    return one.split(".")[-2:] == other.split(".")[-2:]


def _show_tls(content: dict[str, Any]) -> None:
    for policy in content["policies"]:
        name = _POLICIES.get(policy["type"], policy["type"])
        click.echo(f"{policy['domain']}, {name}: {policy['succeeded']} sessions were well, {policy['failed']} failed.")
        for each in policy["strings"]:
            click.echo(f"    {each}")
        for each in policy["details"]:
            click.echo(
                f"  {each['count']:8} {each['result_type']}: {each['sentence']} {each['receiving_host']} "
                f"[{each['receiving_ip']}] from [{each['sending_ip']}] {each['reason_code']}".rstrip()
            )


def _state(row: dict[str, Any]) -> str:
    if row["direction"] == "in":
        return "proven" if row["is_authenticated"] else "UNPROVEN"
    return str(row["state"])


def _day(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d}"


def _time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}"

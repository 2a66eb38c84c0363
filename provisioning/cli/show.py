"""Plans and proposals as an operator reads them. Pure."""

from __future__ import annotations

from provisioning.inventory import Host, Inventory
from provisioning.release.proposal import Proposal
from provisioning.setup.operations import Plan


def show_plan(inventory: Inventory, plan: Plan) -> str:
    """Show what would change, host by host."""
    lines = [f"Cluster {inventory.cluster.name} ({inventory.path})"]
    for host in inventory.host:
        words = [f"    + {o.words}" for o in plan.operations if o.host == host.name]
        if words:
            lines += ["", f"  {host.name}  {_kind(host)}", *words]
    if plan.notes:
        lines += ["", *plan.notes]
    touched = len({o.host for o in plan.operations})
    hosts = f"{len(inventory.host)} host{'s' if len(inventory.host) != 1 else ''}"
    if plan.operations:
        changes = f"{len(plan.operations)} change{'s' if len(plan.operations) != 1 else ''}"
        lines += ["", f"{changes} on {touched} of {hosts}."]
    else:
        lines += ["", f"Nothing to do: {hosts} as the inventory says."]
    return "\n".join(lines)


def show_proposal(proposal: Proposal) -> str:
    """Show how a release differs from what runs, service by service."""
    before = proposal.before
    runs = f"release {before.number} runs" if before else "the first"
    if not proposal.needed:
        nothing = f"Nothing to do: {runs}, and nothing differs from it."
        return f"{nothing}\n{proposal.hint}" if proposal.hint else nothing
    number, unfinished = proposal.release.number, proposal.unfinished
    lines = [f"Release {number} ({runs})"]
    if proposal.continues:
        lines = [f"Release {number} was interrupted on {proposal.release.at}; it is gone on with."]
    elif unfinished:
        lines += [f"Release {unfinished.number}, which was interrupted, is taken back by it."]
    service = ""
    for change in sorted(proposal.changes, key=lambda c: c.service):
        if change.service != service:
            service = change.service
            lines += ["", f"  {service}"]
        lines.append(f"    {change}")
    if not proposal.changes:
        lines.append(
            "  Its services are there already; they are examined and the release recorded."
        )
    if proposal.hint:
        lines += ["", f"  {proposal.hint}"]
    if proposal.migrates:
        lines += ["", "  The database is migrated first."]
    return "\n".join(lines)


def _kind(host: Host) -> str:
    return f"{host.role}, edge" if host.is_edge else host.role

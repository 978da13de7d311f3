"""Issue addresses: where the issues of incidents are, as far as the ledger knows them."""

from soakwatch.reporter.known_issue import decode_known
from soakwatch.reporter.page_links import pages_of
from soakwatch.store.ledger import LedgerReading


def issue_addresses(ledger: LedgerReading) -> dict[str, str]:
    """The address of the newest issue of each incident, by fingerprint, in any repository. Raises StoreUnavailable."""
    found: dict[str, tuple[int, str]] = {}
    for name, record in ledger.remembered("github ").items():
        issue = decode_known(record)
        _, api_url, repository, *_ = f"{name}  ".split(" ")
        if issue is not None and not issue.gone:
            address = f"{pages_of(api_url)}/{repository}/issues/{issue.number}"
            for fingerprint in (issue.marker.fingerprint, *issue.marker.members):
                found[fingerprint] = max(found.get(fingerprint, (0, "")), (issue.number, address))
    return {fingerprint: address for fingerprint, (_, address) in found.items()}

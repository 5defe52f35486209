"""Build what decides about mail from strangers."""

from concurrent.futures import Executor

from mailserver.dns import DnsResolver
from mailserver.entities.figures import Figures
from mailserver.mail.arc import Arc
from mailserver.services.filtering.filter import Filter
from mailserver.services.filtering.rules import Rules
from mailserver.services.inbound.counted_verification import CountedVerification
from mailserver.services.inbound.judgement import DmarcPolicy, Judge
from mailserver.services.inbound.reports import Marking
from mailserver.services.inbound.verification import Verification
from mailserver.services.reporting.collector import Collector
from mailserver.settings.configuration import Settings
from mailserver.storage.database import Database


def judge(
    settings: Settings,
    database: Database,
    crypto: Executor,
    file_threads: Executor,
    resolver: DnsResolver,
    rules: Rules,
    content_filter: Filter | None,
    collector: Collector,
    figures: Figures,
) -> Judge:
    """What decides about mail from strangers, with those parts that are switched on."""
    wanted = settings.authentication
    verification = None
    if wanted.verify:
        checks = Verification(resolver, crypto, settings.hostname, wanted.deadline_seconds, Arc())
        verification = CountedVerification(Marking(checks), figures)
    policies = {domain: DmarcPolicy(wish) for domain, wish in wanted.dmarc_reject_domains.items()}
    return Judge(
        database, rules, verification, content_filter, collector, file_threads, settings.hostname,
        DmarcPolicy(wanted.dmarc_reject), policies, wanted.trusted_sealers,
    )  # fmt: skip

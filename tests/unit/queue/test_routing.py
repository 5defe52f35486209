import random

import pytest

from mailserver.queue.policy import NoStsPolicies, Policies
from mailserver.queue.routing import NoRoute, Ourselves, RouteUnknown, Routing, Smarthost
from tests.support.zone import FAILS, FakeResolver

HOSTS = {"one.test": ["192.0.2.1"], "two.test": ["192.0.2.2"], "far.test": ["127.0.0.9"], "plain.test": ["127.0.0.5"]}


def routing(mx=None, hosts=None, *, listening=(), port=2525, allow_private=True, smarthost=None, authentic=()):
    resolver = FakeResolver(mx=mx or {}, hosts=hosts or HOSTS, authentic=set(authentic))
    ours = Ourselves("mx.local.test", lambda: set(listening))
    return Routing(
        resolver,
        Policies(resolver, NoStsPolicies()),
        ours,
        port,
        smarthost,
        allow_private=allow_private,
        chance=random.Random(3),
        clock=lambda: 1.0,
    )


async def hosts_of(one, domain):
    return [target.name for target in await one.targets(domain)]


async def refusal(one, domain):
    with pytest.raises(NoRoute) as caught:
        await one.targets(domain)
    return caught.value.reply.enhanced


async def test_hosts_come_by_preference_and_at_random_inside_one():
    mx = {"d.test": [(20, "far.test"), (10, "one.test"), (10, "two.test")]}
    orders = {tuple(await hosts_of(routing(mx), "d.test")) for _ in range(1)}
    chance = random.Random(1)
    for _ in range(30):
        one = routing(mx)
        one._chance = chance
        orders.add(tuple(await hosts_of(one, "d.test")))
    assert orders == {("one.test", "two.test", "far.test"), ("two.test", "one.test", "far.test")}


async def test_a_domain_without_mx_is_its_own_host():
    assert await hosts_of(routing(), "plain.test") == ["plain.test"]


async def test_a_domain_with_mx_records_is_never_its_own_host():
    assert await refusal(routing({"plain.test": [(10, "gone.test")]}), "plain.test") == "5.4.4"


async def test_a_null_mx_takes_no_mail():
    assert await refusal(routing({"d.test": [(0, "")]}), "d.test") == "5.1.10"


async def test_a_null_mx_among_others_counts_for_nothing():
    assert await hosts_of(routing({"d.test": [(0, ""), (10, "one.test")]}), "d.test") == ["one.test"]


async def test_a_domain_that_does_not_exist_fails_for_good():
    assert await refusal(routing(), "nowhere.test") == "5.1.2"


@pytest.mark.parametrize("mx", [{"d.test": FAILS}, {"d.test": [(10, "bad.test")]}])
async def test_dns_that_does_not_answer_is_asked_again_later(mx):
    with pytest.raises(RouteUnknown) as caught:
        await routing(mx, {"bad.test": FAILS}).targets("d.test")
    assert caught.value.reply.enhanced == "4.4.3"


async def test_one_host_that_dns_does_not_know_leaves_the_others():
    one = routing({"d.test": [(10, "bad.test"), (20, "one.test")]}, HOSTS | {"bad.test": FAILS})
    assert await hosts_of(one, "d.test") == ["one.test"]


async def test_our_own_name_as_the_best_host_is_a_loop():
    assert await refusal(routing({"d.test": [(10, "mx.local.test"), (20, "one.test")]}), "d.test") == "5.4.6"


async def test_only_better_hosts_than_ourselves_are_tried():
    mx = {"d.test": [(5, "one.test"), (10, "mx.local.test"), (10, "two.test"), (20, "far.test")]}
    assert await hosts_of(routing(mx), "d.test") == ["one.test"]


async def test_our_own_address_under_another_name_is_a_loop():
    one = routing({"d.test": [(10, "far.test")]}, listening=[("127.0.0.9", 2525)])
    assert await refusal(one, "d.test") == "5.4.6"
    assert await hosts_of(routing({"d.test": [(10, "far.test")]}, listening=[("127.0.0.9", 25)]), "d.test") == [
        "far.test"
    ]


async def test_loopback_is_ours_where_we_listen_everywhere():
    assert await refusal(routing({"d.test": [(10, "far.test")]}, listening=[("0.0.0.0", 2525)]), "d.test") == "5.4.6"


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "127.0.0.9", "::1", "169.254.1.1", "fe80::1", "::ffff:10.0.0.1", "224.0.0.1"]
)
async def test_private_addresses_are_refused_unless_the_operator_allows_them(address):
    mx, hosts = {"d.test": [(10, "in.test")]}, {"in.test": [address]}
    assert await refusal(routing(mx, hosts, allow_private=False), "d.test") == "5.4.6"
    assert await hosts_of(routing(mx, hosts), "d.test") == ["in.test"]


async def test_public_addresses_of_both_families_alternate():
    hosts = {"in.test": ["8.8.8.8", "8.8.4.4", "2001:4860::1"]}
    targets = await routing({"d.test": [(10, "in.test")]}, hosts, allow_private=False).targets("d.test")
    assert [":" in target.address for target in targets] == [True, False, False]


@pytest.mark.parametrize(("domain", "address"), [("[127.0.0.7]", "127.0.0.7"), ("[IPv6:::1]", "::1")])
async def test_an_address_literal_is_used_as_it_stands(domain, address):
    (target,) = await routing().targets(domain)
    assert (target.address, target.port) == (address, 2525)


async def test_a_literal_that_cannot_be_read_fails():
    assert await refusal(routing(), "[300.1.1.1]") == "5.1.2"


async def test_the_smarthost_takes_everything_wherever_it_is():
    one = routing(smarthost=Smarthost("10.0.0.1", 587), allow_private=False)
    (target,) = await one.targets("any.test")
    assert (target.address, target.port) == ("10.0.0.1", 587)


async def test_a_smarthost_without_an_address_bounces_nothing():
    with pytest.raises(RouteUnknown):
        await routing(smarthost=Smarthost("gone.test", 587)).targets("any.test")


async def test_dnssec_vouches_for_a_target():
    mx = {"d.test": [(10, "one.test")], "e.test": [(10, "one.test")]}
    one = routing(mx, authentic={"d.test"})
    assert (await one.targets("d.test"))[0].trusted
    assert not (await one.targets("e.test"))[0].trusted


async def test_a_route_is_remembered_for_a_while():
    one = routing({"d.test": [(10, "one.test")]})
    await one.targets("d.test")
    await one.targets("d.test")
    assert one._resolver.asked["mx", "d.test"] == 1
    one._clock = lambda: 100.0
    await one.targets("d.test")
    assert one._resolver.asked["mx", "d.test"] == 2


async def test_a_domain_with_very_many_hosts_is_tried_at_a_few():
    mx = {"d.test": [(number, f"h{number}.test") for number in range(50)]}
    hosts = {f"h{number}.test": ["192.0.2.1"] for number in range(50)}
    assert len(await routing(mx, hosts).targets("d.test")) == 10

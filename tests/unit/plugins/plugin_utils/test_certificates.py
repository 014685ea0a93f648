# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fact about a chain, alone and together, on certificates made for the purpose."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils import _certificates, _chains
from ansible_collections.chargeops.steve.plugins.plugin_utils._certificates import dns_matches
from ansible_collections.chargeops.steve.plugins.plugin_utils._chains import Host, Judgement, judge
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import verification
from hypothesis import given, settings
from hypothesis import strategies as some

from tests import certificates
from tests.certificates import NAME, Issued, authority, family, server

TRUSTS = Host(0, None)
NOBODY = Host(20, "the certificate was refused: unable to get local issuer certificate")
QUESTIONS = ("complete", "trusted", "valid", "lasting", "named")
GOOD = family()
AT = certificates.today()


def look(
    chain: list[bytes], *store: Issued, at: datetime = AT, host: str = NAME, seen_by: Host = NOBODY, whole: bool = True
) -> Judgement:
    """Judge a chain; with certificates of a store, by that store."""
    return judge(tuple(chain), host, at, whole, seen_by, tuple(item.der for item in store) or None)


def statuses(found: Judgement) -> dict[str, str]:
    """What is not a plain pass."""
    return {name: getattr(found, name).status for name in QUESTIONS if getattr(found, name).status != "pass"}


def test_a_healthy_chain_passes_every_question_when_the_store_holds_its_root() -> None:
    found = look(GOOD.full, GOOD.root)
    assert statuses(found) == {}
    assert "Test Intermediate" in found.lines[0]


@pytest.mark.parametrize(("seen_by", "says"), [(TRUSTS, "trusts it"), (NOBODY, "does not"), (Host(), "could not")])
def test_without_the_chargers_store_trust_is_unknown_whatever_the_host_says(seen_by: Host, says: str) -> None:
    found = look(GOOD.full, seen_by=seen_by)
    assert found.trusted.status == "unknown"
    assert "steve_charger_ca is not given" in found.trusted.sentence and says in found.trusted.sentence


# -- completeness and order ---------------------------------------------------------------------------------


def test_the_server_s_certificate_alone_is_incomplete() -> None:
    found = look([GOOD.leaf.der], GOOD.root)
    assert statuses(found) == {"complete": "fail", "trusted": "fail"}
    assert "CN=Test Intermediate" in found.complete.sentence


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"aia": "http://ca.example.net/i.crt"}, "fail"),  # it says itself that its issuer has to be fetched
        ({"public": True}, "fail"),  # a public root never signs a server's certificate
        ({}, "unknown"),  # perhaps signed by a private root that the chargers know
    ],
)
def test_alone_without_a_store_needs_a_sign_of_a_missing_intermediate(more: dict[str, Any], expected: str) -> None:
    made = family(**more)
    found = look([made.leaf.der])
    assert statuses(found) == {"complete": expected, "trusted": "unknown"}


def test_alone_is_complete_when_the_root_signed_it_itself() -> None:
    root = authority("Private Root")
    leaf = server(root, NAME, aia="http://ca.example.net/root.crt")
    assert statuses(look([leaf.der], root)) == {}
    assert look([leaf.der], seen_by=TRUSTS).complete.status == "pass"


def test_alone_from_a_public_authority_is_incomplete_although_this_host_knows_the_intermediate() -> None:
    assert look([family(public=True).leaf.der], seen_by=TRUSTS).complete.status == "fail"


def test_an_unrelated_intermediate_does_not_complete_a_chain() -> None:
    found = look([GOOD.leaf.der, family().intermediate.der], GOOD.root)
    assert found.complete.status == "fail"
    assert any("not needed in the chain: certificate 1" in line for line in found.lines)


def deep() -> tuple[Issued, Issued, Issued, Issued]:
    root = authority("Deep Root")
    upper = authority("Upper", root)
    lower = authority("Lower", upper)
    return root, upper, lower, server(lower, NAME)


def test_the_wrong_order_fails_and_says_the_right_one() -> None:
    root, upper, lower, leaf = deep()
    found = look([leaf.der, upper.der, lower.der], root)
    assert statuses(found) == {"complete": "fail"}
    assert "belong as 0, 2, 1" in found.complete.sentence


def test_a_chain_cut_in_the_middle_is_not_trusted_and_its_completeness_stays_open() -> None:
    root, _upper, lower, leaf = deep()
    assert statuses(look([leaf.der, lower.der], root)) == {"complete": "unknown", "trusted": "fail"}
    assert statuses(look([leaf.der, lower.der])) == {"complete": "unknown", "trusted": "unknown"}


def test_superfluous_certificates_are_evidence_and_no_fault() -> None:
    stranger = authority("Stranger")
    found = look([GOOD.leaf.der, stranger.der, GOOD.intermediate.der, GOOD.root.der, GOOD.leaf.der], GOOD.root)
    assert statuses(found) == {}
    assert any("not needed" in line and "1, 3, 4" in line for line in found.lines)


def test_a_root_that_is_presented_before_the_intermediate_does_not_disturb_the_order() -> None:
    found = look([GOOD.leaf.der, GOOD.root.der, GOOD.intermediate.der], GOOD.root)
    assert statuses(found) == {}


# -- trust --------------------------------------------------------------------------------------------------


def test_self_signed_is_trusted_by_nobody_but_who_stores_it() -> None:
    alone = server(None, NAME)
    assert statuses(look([alone.der])) == {"trusted": "fail"}
    assert statuses(look([alone.der], GOOD.root)) == {"trusted": "fail"}
    assert statuses(look([alone.der], alone)) == {}
    # Somebody stored it on the host that looked, so perhaps in the chargers too.
    assert look([alone.der], seen_by=TRUSTS).trusted.status == "unknown"


def test_unknown_to_the_chargers_although_the_host_trusts_it() -> None:
    found = look(GOOD.full, authority("Other Root"), seen_by=TRUSTS)
    assert statuses(found) == {"trusted": "fail"}
    assert "The host that looked does trust it" in found.trusted.sentence


def test_a_root_presented_by_the_server_itself_earns_no_trust() -> None:
    found = look([*GOOD.full, GOOD.root.der], authority("Other Root"))
    assert statuses(found) == {"trusted": "fail"}
    assert "Test Root" in found.trusted.sentence


def test_an_authority_of_the_same_name_with_another_key_is_another_one() -> None:
    assert statuses(look(GOOD.full, authority("Test Root"))) == {"complete": "unknown", "trusted": "fail"}


def test_an_authority_of_the_same_name_with_another_kind_of_key_is_another_one() -> None:
    other = authority("Test Root", key=rsa.generate_private_key(65537, 2048))
    assert statuses(look(GOOD.full, other)) == {"complete": "unknown", "trusted": "fail"}


def test_a_root_that_expired_in_the_chargers_store() -> None:
    root = authority("Old Root", ends=AT - timedelta(days=1))
    intermediate = authority("I", root)
    found = look([server(intermediate, NAME).der, intermediate.der], root, seen_by=TRUSTS)
    assert statuses(found) == {"trusted": "fail"}
    assert "Old Root" in found.trusted.sentence and "expired" in found.trusted.sentence


def test_a_newer_certificate_of_the_same_root_is_enough() -> None:
    old = authority("Root", ends=AT - timedelta(days=1))
    new = authority("Root", key=old.key)
    assert statuses(look([server(old, NAME).der], old, new)) == {}


def test_a_cross_signed_way_past_an_expired_root_is_found_and_the_other_way_round() -> None:
    old = authority("Old Root", ends=AT - timedelta(days=1))
    new = authority("New Root")
    crossed = authority("New Root", old, key=new.key)
    intermediate = authority("I", new)
    chain = [server(intermediate, NAME).der, intermediate.der, crossed.der]
    assert statuses(look(chain, new)) == {}
    assert statuses(look(chain, old, new)) == {}
    assert statuses(look(chain, old)) == {"trusted": "fail"}
    assert statuses(look(chain[:2], old)) == {"complete": "unknown", "trusted": "fail"}


def test_weak_certificates_are_evidence_and_never_a_pass(tmp_path: Path) -> None:
    root = authority("Root")
    short = server(root, NAME, key=rsa.generate_private_key(65537, 1024))
    old = certificates.signed_with_sha1(root, NAME, tmp_path)
    for leaf, says in ((short, "RSA key under 2048 bits"), (old, "signed with sha1")):
        found = look([leaf.der], root, at=AT + timedelta(hours=1))
        assert statuses(found) == {"trusted": "unknown"}
        assert says in found.trusted.sentence and f"weak: {says}" in found.lines[0]


def test_only_the_first_certificate_read_leaves_the_rest_open() -> None:
    found = look([GOOD.leaf.der], GOOD.root, whole=False)
    assert statuses(found) == {"complete": "unknown", "trusted": "unknown"}


# -- time ---------------------------------------------------------------------------------------------------


def test_expired_and_not_yet_valid() -> None:
    over = family(begins=AT - timedelta(days=90), ends=AT - timedelta(days=1))
    assert statuses(look(over.full, over.root)) == {"valid": "fail"}
    coming = family(begins=AT + timedelta(days=1))
    found = look(coming.full, coming.root)
    assert statuses(found) == {"valid": "fail"}
    assert "not valid before" in found.valid.sentence


def test_an_expired_intermediate_is_named() -> None:
    root = authority("Root")
    old = authority("Old Intermediate", root, ends=AT - timedelta(hours=1))
    found = look([server(old, NAME).der, old.der], root)
    assert statuses(found) == {"valid": "fail"}
    assert "Old Intermediate" in found.valid.sentence


def test_an_expired_cross_certificate_that_the_host_does_not_need_stays_open_without_a_store() -> None:
    old, new = authority("Old"), authority("New")
    crossed = authority("New", old, key=new.key, ends=AT - timedelta(days=1))
    chain = [server(new, NAME).der, crossed.der]
    assert look(chain, seen_by=TRUSTS).valid.status == "unknown"
    assert look(chain, seen_by=NOBODY).valid.status == "fail"
    assert statuses(look(chain, new)) == {}


#: Lifetime in days, days left when automatic renewal is due at the latest, days left at which something is wrong.
LIFETIMES = [(90, 30, 10), (45, 15, 5), (6, 2, 0.5), (365, 60, 20), (3650, 60, 20)]


@pytest.mark.parametrize(("lifetime", "renewed", "late"), LIFETIMES)
def test_renewal_in_time_never_warns_and_a_missed_one_does(lifetime: float, renewed: float, late: float) -> None:
    ends = AT + timedelta(days=lifetime)
    made = family(begins=AT, ends=ends)
    for days in (lifetime, renewed):
        assert statuses(look(made.full, made.root, at=ends - timedelta(days=days))) == {}
    assert statuses(look(made.full, made.root, at=ends - timedelta(days=late))) == {"lasting": "fail"}
    assert look(made.full, made.root, at=ends + timedelta(seconds=1)).lasting.status == "pass"


def test_a_root_that_ends_soon_in_the_chargers_store_warns() -> None:
    root = authority("Root", ends=AT + timedelta(days=20))
    found = look([server(root, NAME).der], root)
    assert statuses(found) == {"lasting": "fail"}
    assert "CN=Root" in found.lasting.sentence and "in the chargers' store" in found.lasting.sentence


# -- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "names", "expected"),
    [
        (NAME, [NAME], True),
        ("CHARGE.Example.Net", [NAME], True),
        (NAME + ".", [NAME], True),
        (NAME, ["*.example.net"], True),
        ("example.net", ["*.example.net"], False),
        ("a.b.example.net", ["*.example.net"], False),
        (NAME, ["*.net"], False),
        ("b\u00fccher.example.net", ["xn--bcher-kva.example.net"], True),
        ("192.0.2.1", ["192.0.2.1"], True),
        ("192.0.2.1", ["192.0.2.2"], False),
        ("2001:db8::1", ["2001:db8:0::1"], True),
        ("192.0.2.1", ["*.0.2.1"], False),
    ],
)
def test_names_and_addresses(host: str, names: list[str], expected: bool) -> None:
    made = family(*names)
    found = look(made.full, made.root, host=host)
    assert statuses(found) == ({} if expected else {"named": "fail"})


def test_a_common_name_alone_does_not_count_and_is_mentioned() -> None:
    root = authority("Root")
    leaf = certificates._issue(NAME, root, ec.generate_private_key(ec.SECP256R1()))
    found = look([leaf.der], root)
    assert statuses(found) == {"named": "fail"}
    assert "common name would match" in found.named.sentence and "no name at all" in found.named.sentence


LABELS = some.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
HOSTS = some.lists(LABELS, min_size=3, max_size=5).map(".".join)


@given(HOSTS)
def test_a_name_matches_itself_in_any_case_and_its_wildcard(host: str) -> None:
    assert dns_matches(host, host.upper()) and dns_matches(host.upper(), host + ".")
    assert dns_matches("*." + host.partition(".")[2], host)


@given(HOSTS, LABELS)
def test_a_wildcard_covers_one_label_exactly_and_never_a_part_of_one(host: str, label: str) -> None:
    wildcard = "*." + host
    assert dns_matches(wildcard, f"{label}.{host}")
    assert not dns_matches(wildcard, host)
    assert not dns_matches(wildcard, f"{label}.{label}.{host}")
    assert not dns_matches(f"{label}*.{host}", f"{label}x.{host}")
    assert not dns_matches(f"*{host}", f"{label}{host}")


@given(some.text(max_size=40), some.text(max_size=40))
def test_any_pattern_against_any_host_gives_an_answer(pattern: str, host: str) -> None:
    assert dns_matches(pattern, host) in (True, False)


# -- several faults, and bytes of strangers -----------------------------------------------------------------


def test_five_faults_at_once_all_show() -> None:
    made = family("other.example.net", begins=AT - timedelta(days=90), ends=AT - timedelta(days=1), public=True)
    found = look([made.leaf.der], authority("Other Root"))
    assert statuses(found) == {"complete": "fail", "trusted": "fail", "valid": "fail", "named": "fail"}


def test_without_the_library_everything_is_open_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "the Python library cryptography is not installed on the controller"
    monkeypatch.setattr(_chains, "MISSING", missing)
    monkeypatch.setattr(_certificates, "MISSING", missing)
    found = look([b"never seen before"])
    assert statuses(found) == dict.fromkeys(QUESTIONS, "unknown") and found.trusted.sentence == missing
    with pytest.raises(ValueError, match="cryptography is not installed"):
        _certificates.read_pem(GOOD.root.pem.encode())


def test_hostile_names_come_out_inert() -> None:
    root = authority("Root")
    leaf = server(root, NAME, key=None)
    evil = authority("evil\x1b[31m\u202e\nroot")
    found = look([leaf.der, evil.der], evil)
    text = " ".join((*found.lines, found.trusted.sentence))
    assert "evil" in text and not any(character in text for character in "\x1b\u202e\n")


@settings(max_examples=200, deadline=None)
@given(some.lists(some.binary(max_size=300), min_size=1, max_size=4))
def test_garbage_is_answered_with_a_reason(chain: list[bytes]) -> None:
    found = look(chain)
    for name in QUESTIONS:
        verdict = getattr(found, name)
        assert verdict.status == "unknown" and verdict.sentence


@settings(max_examples=300, deadline=None)
@given(some.integers(0, len(GOOD.leaf.der) - 1), some.integers(0, 255), some.booleans(), some.booleans())
def test_a_damaged_certificate_never_raises_and_is_never_trusted(at: int, byte: int, cut: bool, first: bool) -> None:
    leaf, intermediate = GOOD.full
    victim = leaf if first else intermediate
    at = at % len(victim)
    damaged = victim[:at] if cut else victim[:at] + bytes((byte,)) + victim[at + 1 :]
    chain = [damaged, intermediate] if first else [leaf, damaged]
    found = look(chain, GOOD.root)
    assert found.trusted.status in (("pass",) if damaged == victim else ("fail", "unknown"))


BEGIN = "-----BEGIN CERTIFICATE-----\n"


@settings(deadline=None)
@given(some.binary(max_size=400) | some.text(max_size=200).map(lambda text: (BEGIN + text).encode()))
def test_garbage_for_a_store_is_one_sentence(data: bytes) -> None:
    with pytest.raises(ValueError, match="no readable certificates in PEM"):
        _certificates.read_pem(data)


def test_a_store_of_several_certificates_with_words_between_them_is_read() -> None:
    data = f"# our root\n{GOOD.root.pem}\nand another\n{GOOD.intermediate.pem}".encode()
    assert _certificates.read_pem(data) == (GOOD.root.der, GOOD.intermediate.der)


def test_a_tangle_of_cross_certificates_ends_in_time() -> None:
    key = authority("A").key
    tangle = [authority("A", authority("A", key=key), key=key) for _count in range(20)]
    leaf = server(tangle[0], NAME)
    found = look([leaf.der, *(item.der for item in tangle)], GOOD.root)
    assert found.trusted.status == "fail"


CASES = {
    "healthy": (GOOD.full, GOOD.root, NAME, AT, True),
    "leaf only": ([GOOD.leaf.der], GOOD.root, NAME, AT, False),
    "another root": (GOOD.full, authority("Test Root"), NAME, AT, False),
    "another name": (GOOD.full, GOOD.root, "x.example.net", AT, False),
    "too late": (GOOD.full, GOOD.root, NAME, AT + timedelta(days=90), False),
    "too early": (GOOD.full, GOOD.root, NAME, AT - timedelta(days=20), False),
}


@pytest.mark.parametrize(("chain", "root", "host", "at", "accepted"), CASES.values(), ids=CASES)
def test_the_library_s_own_verifier_agrees(
    chain: list[bytes], root: Issued, host: str, at: datetime, accepted: bool
) -> None:
    """An oracle with another profile; both agree where a chain keeps to both."""
    leaf, *others = [x509.load_der_x509_certificate(item) for item in chain]
    builder = verification.PolicyBuilder().store(verification.Store([root.certificate])).time(at)
    try:
        builder.build_server_verifier(x509.DNSName(host)).verify(leaf, others)
        oracle = True
    except verification.VerificationError:
        oracle = False
    failed = {name for name, status in statuses(look(chain, root, host=host, at=at)).items() if status == "fail"}
    assert oracle == accepted == (not failed)

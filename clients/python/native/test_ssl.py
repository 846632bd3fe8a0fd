"""Runs CPython's own test_ssl against `_ssl`, natively, and prints what becomes of it as a table.

`test_ssl.sh` beside it prepares all. The tests are those of the Python that runs this. It fails where a
test does that is not listed here, or passes although it is listed.
"""

import collections
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:1] = [os.path.join(HERE, "..", "ssl"), os.path.join(HERE, ".."), HERE]

import bridge  # Before `ssl`, which stands on it.
import test.support
import test.test_ssl as tests

_OLD, _OPENSSL = "asks for TLS 1.1, or suites with finite-field DH", "asks for OpenSSL itself"
_COMMON_NAME = "asks for the common name as a host name"
_PRINTED = "asks that an exception of `sni_callback` is printed; here it is the cause of the failure"
_WATCHED = "watches messages (`_msg_callback`)"
# Tests that fail, with the reason. They are those of CPython 3.13.
NOT_MEANT = {
    "test_dh_params": _OLD,
    "test_dual_rsa_ecc": "asks for two certificates in one context; see `sni_callback`",
    "test_get_ca_certs_capath": "asks which authority of a directory was used",
    "test_hostname_checks_common_name": _COMMON_NAME,
    "test_min_max_version": _OLD,
    "test_msg_callback": _WATCHED,
    "test_msg_callback_deadlock_bpo43577": _WATCHED,
    "test_msg_callback_tls12": _WATCHED,
    "test_openssl_version": _OPENSSL,
    "test_session": "asks for the lifetime of a ticket, which is not told",
    "test_shared_ciphers": "asks for the suites of the client, which are not kept",
    "test_sni_callback_raising": _PRINTED,
    "test_sni_callback_wrong_return_type": _PRINTED,
    "test_ssl_types": "asks for classes written in C, which cannot be changed",
    "ThreadedTests.test_tls_unique_channel_binding": "asks for `tls-unique`, which TLS 1.3 does not have",
    "test_verify_strict": "asks for `VERIFY_X509_STRICT`, which refuses more forms",
}
# Classes that are not run, with the reason.
NOT_RUN = {
    "NetworkedTests": "needs the Internet",
    "TestPostHandshakeAuth": "post-handshake authentication, which is not there",
}


class Result(unittest.TextTestResult):
    """Keeps what became of each test, whatever its subtests did."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.outcomes = {}

    def startTest(self, test):
        super().startTest(test)
        self.outcomes[named(test)] = "passes"

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.outcomes[named(test)] = f"skipped: {reason}"

    def addError(self, test, error):
        super().addError(test, error)
        self.outcomes[named(test)] = f"fails: {error[1]!r}"

    addFailure = addError

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.outcomes[named(test)] = f"fails: {error[1]!r}"


def named(test):
    name = test.id()
    return name.removeprefix("test.test_ssl.")


def main(names):
    test.support.verbose = 0
    tests.setUpModule()
    loader = unittest.defaultTestLoader
    classes = [
        name
        for name, kind in vars(tests).items()
        if isinstance(kind, type) and issubclass(kind, unittest.TestCase)
    ]
    wanted = names or [name for name in classes if name not in NOT_RUN]
    suite = loader.loadTestsFromNames(wanted, tests)
    runner = unittest.TextTestRunner(stream=sys.stderr, verbosity=0, resultclass=Result)
    outcomes = runner.run(suite).outcomes
    groups, wrong = collections.Counter(), []
    for name in [] if names else NOT_RUN:
        number = loader.loadTestsFromName(name, tests).countTestCases()
        groups[f"not run: {NOT_RUN[name]}"] += number
    for name, outcome in outcomes.items():
        reason = NOT_MEANT.get(name) or NOT_MEANT.get(name.rpartition(".")[2])
        if outcome.startswith("fails"):
            groups[f"fails: {reason or 'for a reason that is not known'}"] += 1
            if reason is None:
                wrong.append(f"{name} {outcome}")
        else:
            groups[outcome] += 1
            if reason is not None and outcome == "passes":
                wrong.append(f"{name} passes, and is listed as: {reason}")
    print("| tests | what becomes of them |\n|---|---|")
    kinds = ["passes", "fails", "not run", "skipped"]
    place = lambda item: (kinds.index(item[0].partition(":")[0]), -item[1])
    for group, number in sorted(groups.items(), key=place):
        print(f"| {number} | {group} |")
    print("\n".join(wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

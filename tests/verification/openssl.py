"""What OpenSSL says of the chains in a folder, by `openssl verify` with the settings of a TLS connection.

For each case a line: its number, `accepted` or `refused`, and why.
"""

import concurrent.futures
import ipaddress
import os
import subprocess
import sys

# The security level is that of TLS in OpenSSL 3.2 and later, and of Debian's before.
OPTIONS = ["-auth_level", "2", "-no-CApath", "-no-CAstore"]


def command(folder, purpose, host, time):
    line = ["openssl", "verify", *OPTIONS, "-attime", time]
    line += ["-CAfile", os.path.join(folder, "roots.pem")]
    if os.path.getsize(os.path.join(folder, "others.pem")):
        line += ["-untrusted", os.path.join(folder, "others.pem")]
    line += ["-verify_name", f"ssl_{purpose}", "-purpose", f"ssl{purpose}"]
    try:
        ipaddress.ip_address(host)
        line += ["-verify_ip", host]
    except ValueError:
        if host:
            line += ["-verify_hostname", host]
    return [*line, os.path.join(folder, "own.pem")]


def verdict(folder, case):
    number, _, purpose, host, time = case.rstrip("\n").split("\t")[:5]
    done = subprocess.run(
        command(os.path.join(folder, number), purpose, host, time),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode == 0:
        return f"{number}\taccepted\t"
    lines = done.stdout.decode(errors="replace").splitlines()
    # The first error, and not those that follow from it.
    why = next((line for line in lines if line.startswith("error ") and " at " in line), None)
    why = why or next((line for line in lines if "rror" in line), "")
    return f"{number}\trefused\t{' '.join(why.split())}"


def main(folder):
    with open(os.path.join(folder, "cases.tsv"), encoding="utf-8") as cases:
        lines = cases.readlines()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        for line in workers.map(lambda case: verdict(folder, case), lines):
            print(line)


main(sys.argv[1])

"""Keys and certificates: each is for what it says, stays where it is used, and is renewed in time."""

from ..mutant import Mutant

_SIGNING = "plugins/plugin_utils/signing.py"
_NAMES = "plugins/plugin_utils/names.py"
_KEYS = "plugins/plugin_utils/keys.py"
_GENERATIONS = "plugins/plugin_utils/generations.py"
_CERTIFICATES = "plugins/module_utils/_tls/certificates.py"
_RENEWAL = "plugins/module_utils/_tls/renewal.py"
_PROVIDED = "plugins/module_utils/_tls/provided.py"
_PAIR = "plugins/module_utils/_tls/pair.py"
_PROBE = "plugins/module_utils/_engine/probe.py"

MUTANTS = [
    Mutant(
        "A client's certificate is good for clients alone, a server's for servers.",
        _SIGNING,
        ".add_extension(x509.ExtendedKeyUsage([_USAGE[kind]]), critical=False)",
        ".add_extension(x509.ExtendedKeyUsage(list(_USAGE.values())), critical=False)",
        "plugin_utils/test_signing.py",
    ),
    Mutant(
        "Nobody with a certificate can sign others.",
        _SIGNING,
        "x509.BasicConstraints(ca=False, path_length=None)",
        "x509.BasicConstraints(ca=True, path_length=None)",
        "plugin_utils/test_signing.py",
    ),
    Mutant(
        "A signing request that its key has not signed is refused.",
        _SIGNING,
        "    if not request.is_signature_valid:\n",
        "    if not request.is_signature_valid and request.subject:\n",
        "plugin_utils/test_signing.py",
    ),
    Mutant(
        "A weak key gets no certificate.",
        _SIGNING,
        "    if weak := certificates.weakness(certificates.describe_key(request.public_key())):\n",
        "    if (weak := certificates.weakness(certificates.describe_key(request.public_key()))) and not name:\n",
        "plugin_utils/test_signing.py",
    ),
    Mutant(
        "Of a request nothing is taken but its key: the certificate's name is the controller's.",
        _SIGNING,
        "        .subject_name(x509.Name(common))\n",
        "        .subject_name(request.subject if request.subject else x509.Name(common))\n",
        "plugin_utils/test_signing.py",
    ),
    Mutant(
        "A certificate ends when it should.",
        _SIGNING,
        "        .not_valid_after(now + datetime.timedelta(days=days))\n        .add_extension(x509.BasicConstraints(ca=False",
        "        .not_valid_after(now + datetime.timedelta(days=10 * days))\n"
        "        .add_extension(x509.BasicConstraints(ca=False",
        "plugin_utils/test_signing.py",
    ),
    Mutant(
        "A certificate that is superseded stays in the index, for it lets its holder in until it ends.",
        _SIGNING,
        "        if entry.exists():\n            before",
        '        if entry.exists() and entry.suffix != ".pem":\n            before',
        "plugin_utils/test_signing.py plugin_utils/test_generations.py",
    ),
    Mutant(
        "A certificate is in the index before its machine has it.",
        _SIGNING,
        '    state.write(place / f"{name}.pem.next", certificate)\n',
        "",
        "plugin_utils/test_signing.py plugin_utils/test_generations.py",
    ),
    Mutant(
        "A server's certificate has no name of another host of the inventory.",
        _NAMES,
        "if any(_covers(name, one) for one in others if one not in own):",
        "if any(name == one for one in others if one not in own):",
        "plugin_utils/test_names.py",
    ),
    Mutant(
        "A certificate with a name of another host is issued anew.",
        _NAMES,
        '    if not of_others:\n        return ""\n',
        '    if len(of_others) < 2:\n        return ""\n',
        "plugin_utils/test_names.py",
    ),
    Mutant(
        "An inventory name that would be a path is refused.",
        _NAMES,
        ' and "/" not in name and name.isprintable()',
        " and name.isprintable()",
        "plugin_utils/test_names.py",
    ),
    Mutant(
        "An asterisk in a name stands for one label.",
        _NAMES,
        'replace(r"\\*", "[^.]*")',
        'replace(r"\\*", ".*")',
        "plugin_utils/test_names.py",
    ),
    Mutant(
        "An authority's key is encrypted, and read back before it takes the place of the one before.",
        _KEYS,
        "        if public_bytes(load(new, passphrase)) != public_bytes(key):\n",
        "        if public_bytes(key) != public_bytes(key):\n",
        "plugin_utils/test_keys.py plugin_utils/test_generations.py",
    ),
    Mutant(
        "A file with an authority's key is its owner's alone.",
        _KEYS,
        "os.O_CLOEXEC, 0o600)",
        "os.O_CLOEXEC, 0o644)",
        "plugin_utils/test_keys.py plugin_utils/test_generations.py",
    ),
    Mutant(
        "A passphrase that is too short encrypts no key.",
        _KEYS,
        "    if len(str(passphrase)) >= SHORTEST:\n",
        "    if len(str(passphrase)) >= SHORTEST - 4:\n",
        "plugin_utils/test_keys.py plugin_utils/test_generations.py plugin_utils/test_declaration_engine.py",
    ),
    Mutant(
        "A key that too few rounds protect is encrypted anew.",
        _KEYS,
        'return "" if numbers[0] >= _ROUNDS else',
        'return "" if numbers[0] else',
        "plugin_utils/test_keys.py",
    ),
    Mutant(
        "A change of the passphrase opens all keys before it writes the first.",
        _GENERATIONS,
        "        if locked:\n",
        "        if len(locked) == len(paths):\n",
        "plugin_utils/test_generations.py",
    ),
    Mutant(
        "Two runs that make authorities at once make one.",
        _GENERATIONS,
        "        fcntl.flock(descriptor, fcntl.LOCK_EX)\n",
        "",
        "plugin_utils/test_generations.py",
    ),
    Mutant(
        "The next authority of servers is vouched for by the one before, so that no client is locked out.",
        _GENERATIONS,
        'if kind == "server" and before["key_id"] and not cross.exists():',
        'if kind == "client" and before["key_id"] and not cross.exists():',
        "plugin_utils/test_generations.py plugin_utils/test_rotation.py",
    ),
    Mutant(
        "Git takes no authority's key.",
        _GENERATIONS,
        "    if not ignored.exists():\n        state.write(ignored",
        "    if ignored.exists():\n        state.write(ignored",
        "plugin_utils/test_generations.py",
    ),
    Mutant(
        "Keys that are too short are weak.",
        _CERTIFICATES,
        '_LEAST_BITS = {"RSA": 3072,',
        '_LEAST_BITS = {"RSA": 1024,',
        "tls/test_certificates.py",
    ),
    Mutant(
        "A certificate is expired from the moment of its end.",
        _CERTIFICATES,
        '"days_left": (not_after - datetime.datetime.now(datetime.timezone.utc)).days,',
        '"days_left": (not_after - datetime.datetime.now(datetime.timezone.utc)).days + 1,',
        "tls/test_certificates.py",
    ),
    Mutant(
        "All authorities in a file are told, not the first alone.",
        _CERTIFICATES,
        'found["contents"] = [_content(der_bytes) for der_bytes in ders]',
        'found["contents"] = [_content(der_bytes) for der_bytes in ders[:1]]',
        "tls/test_certificates.py tls/test_provided.py",
    ),
    Mutant(
        "A certificate is renewed before it ends, without asking.",
        _RENEWAL,
        "    if days < renew_days:\n",
        "    if days < 0:\n",
        "tls/test_renewal.py",
    ),
    Mutant(
        "A certificate that lacks a name is issued anew.",
        _RENEWAL,
        "    if lacking:\n",
        "    if lacking and len(lacking) == len(wanted):\n",
        "tls/test_renewal.py",
    ),
    Mutant(
        "A certificate by another authority than the one that signs now is issued anew.",
        _RENEWAL,
        '    if deployed["authority_key_id"] != signer["key_id"]:\n',
        '    if not deployed["authority_key_id"]:\n',
        "tls/test_renewal.py",
    ),
    Mutant(
        "A stranger's authority in the file of trusted ones is a difference.",
        _RENEWAL,
        'return not deployed or not fingerprints or bool(deployed["bundle"] != fingerprints)',
        'return not deployed or not fingerprints or not set(fingerprints) <= set(deployed["bundle"])',
        "tls/test_renewal.py",
    ),
    Mutant(
        "A provided certificate that has ended is refused.",
        _PROVIDED,
        'certificate["days_left"] < 0,',
        'certificate["days_left"] < -30,',
        "tls/test_provided.py",
    ),
    Mutant(
        "A provided certificate that is for something else is refused.",
        _PROVIDED,
        'usage not in certificate["extended_key_usage"],',
        'not certificate["extended_key_usage"],',
        "tls/test_provided.py",
    ),
    Mutant(
        "An authority of clients that signs the server too is refused unless it is named.",
        _PROVIDED,
        'elif server and any(_signs(one, signed) for one in authorities for signed in server["contents"]):',
        'elif server and all(_signs(one, signed) for one in authorities for signed in server["contents"]):',
        "tls/test_provided.py",
    ),
    Mutant(
        "A provided file with several authorities lets nobody in unless they are named.",
        _PROVIDED,
        '    if len({one["sha256"] for one in authorities}) > 1:\n',
        '    if len({one["sha256"] for one in authorities}) > 2:\n',
        "tls/test_provided.py",
    ),
    Mutant(
        "A host's private key is root's alone.",
        _PAIR,
        'state.write(pair / "key.pem", text, 0o600)',
        'state.write(pair / "key.pem", text, 0o644)',
        "tls/test_pair.py",
    ),
    Mutant(
        "A renewed certificate and its key change together, and the pair before is gone.",
        _PAIR,
        "            shutil.rmtree(other)\n",
        "            pass\n",
        "tls/test_pair.py",
    ),
    Mutant(
        "A probe takes only a server whose certificate has the name.",
        _PROBE,
        "    context.hostname_checks_common_name = False\n",
        "    context.hostname_checks_common_name = False\n    context.check_hostname = False\n",
        "engine/test_probe.py",
    ),
    Mutant(
        "An endpoint that answers HTTP without TLS is told as plaintext.",
        _PROBE,
        "                accepted: bool | None = True\n",
        "                accepted: bool | None = None\n",
        "engine/test_probe.py",
    ),
    Mutant(
        "An endpoint that lets in clients without a certificate is told as open.",
        _PROBE,
        '                api.exchange(tls, "/_ping", deadline)\n                self.seen["client_certificate_required"] = False\n',
        '                api.exchange(tls, "/_ping", deadline)\n                self.seen["client_certificate_required"] = True\n',
        "engine/test_probe.py",
    ),
]

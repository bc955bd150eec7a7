#pragma once

#include <base/result.hpp>
#include <config/settings.hpp>

#include <functional>
#include <string>

namespace dind::daemon {

// Keys and certificates for the engine's API, as PEM text, made in process. A private key may be
// of any kind that libcrypto reads. The wrapper of libcrypto's X.509.

// Makes a private key (PKCS #8). RSA may take seconds: `stopped` is asked meanwhile, and true
// ends it with ECANCELED.
Result<std::string> make_key(config::TlsKey kind, const std::function<bool()>& stopped);

// A certificate that signs itself, and others.
Result<std::string> make_ca(const std::string& key);

enum class Role { server, client };

struct Certificate {
  std::string pem;
  std::string request; // what was signed
};

// `names` are what the server is called, as openssl's subjectAltName has it:
// "DNS:docker,IP:127.0.0.1".
Result<Certificate> make_certificate(Role role, const std::string& key, const std::string& names,
                                     const std::string& ca, const std::string& ca_key);

// Whether `certificate` holds now, was signed by `ca`, and is that of `key`: an error says why not.
Result<void> check_certificate(const std::string& certificate, const std::string& ca,
                               const std::string& key);

// Whether this is a private key that can be read without a passphrase.
Result<void> check_key(const std::string& key);

// "docker:dind server": the common name of a subject.
std::string_view subject_of(Role role);
std::string_view extended_usage_of(Role role); // "serverAuth"

} // namespace dind::daemon

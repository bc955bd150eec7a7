#pragma once

#include <base/result.hpp>
#include <config/settings.hpp>

#include <boost/filesystem/path.hpp>

#include <functional>
#include <string>

namespace dind::daemon {

namespace fs = boost::filesystem;

// Which of these are in DOCKER_TLS_CERTDIR, and not empty.
struct TlsFiles {
  bool ca_key = false;
  bool ca_certificate = false;
  bool server = false; // all of server/ca.pem, cert.pem, key.pem
};

// The stock entrypoint's rules. Who brings a server's files without the CA's key manages them
// alone; with the key of the CA, or with nothing of it, everything is ours to make. A CA that
// cannot sign, and no server's files, is nothing to serve with.
enum class TlsTask { check, make, impossible };
TlsTask judge_tls(const TlsFiles& found);

struct TlsRequest {
  fs::path dir;       // DOCKER_TLS_CERTDIR
  config::TlsKey key; // of keys that are made; those that are found are kept, of whatever kind
  std::string names;  // of the server, see subject_alt_names
  std::function<bool()> stopped;
};

// Makes what dockerd and its clients need for TLS, or checks it where it is the user's: ca/,
// server/ and client/ as in the stock image. Keys that are there are used, if they are regular
// files of ours that no other user can write to; an error otherwise (EPERM). Certificates are made
// anew at each start, for names, addresses and time change. Every file is replaced at once, and
// client/ is complete or not there: where it cannot be renamed as a whole, ca.pem comes last.
Result<void> prepare_tls(const TlsRequest& request);

} // namespace dind::daemon

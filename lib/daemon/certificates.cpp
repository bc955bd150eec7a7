#include <daemon/certificates.hpp>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <fmt/format.h>

#include <errno.h>

#include <memory>
#include <vector>

namespace dind::daemon {
namespace {

// The stock image's. Clients of some systems refuse more
// (github.com/FiloSottile/mkcert/issues/174).
constexpr long kDays = 825;
constexpr long kSecondsOfDay = 24L * 60 * 60;
constexpr long kClockSkew = 60L * 60; // a client's clock may be behind by that much
constexpr int kRsaBits = 4096;
constexpr int kSerialBits = 159; // 20 octets, and positive
constexpr const char* kCaSubject = "docker:dind CA";

template <auto free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using Cert = std::unique_ptr<X509, Freed<X509_free>>;
using SigningRequest = std::unique_ptr<X509_REQ, Freed<X509_REQ_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Name = std::unique_ptr<X509_NAME, Freed<X509_NAME_free>>;
using Store = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;
struct FreeChain {
  void operator()(STACK_OF(X509) * chain) const { sk_X509_free(chain); }
};
using Chain = std::unique_ptr<STACK_OF(X509), FreeChain>; // its certificates are others'
using Memory = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;

// What libcrypto has to say of its last failure, in its own words.
Error crypto_error(std::string_view doing) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  const char* data = nullptr; // such as the part of a name list that is wrong
  int flags = 0;
  ERR_peek_last_error_data(&data, &flags);
  std::string text = reason ? fmt::format("{}: {}", doing, reason) : std::string(doing);
  if (data && *data != '\0' && (flags & ERR_TXT_STRING) != 0) {
    text += fmt::format(" ({})", data);
  }
  ERR_clear_error();
  return Error(std::move(text));
}

// No configuration of the system's is read: it may load modules, which a static program cannot.
void start_libcrypto() {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
}

template <typename Write>
Result<std::string> print(std::string_view what, Write write) {
  const Memory memory(BIO_new(BIO_s_mem()));
  if (!memory || write(memory.get()) != 1) {
    return crypto_error(fmt::format("write {}", what));
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

Memory reading(const std::string& text) {
  return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A daemon cannot use a key with a passphrase: it has no terminal to ask at.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

Result<Key> read_key(const std::string& pem) {
  start_libcrypto();
  Key key(PEM_read_bio_PrivateKey(reading(pem).get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    return crypto_error("read the private key");
  }
  return key;
}

// All certificates of a text, which are one or more.
Result<std::vector<Cert>> read_certificates(const std::string& pem) {
  start_libcrypto();
  const Memory from = reading(pem);
  std::vector<Cert> certificates;
  while (Cert next = Cert(PEM_read_bio_X509(from.get(), nullptr, no_passphrase, nullptr))) {
    certificates.push_back(std::move(next));
  }
  if (certificates.empty()) {
    return crypto_error("read the certificate");
  }
  ERR_clear_error(); // of the end of the text
  return certificates;
}

Result<Name> make_name(std::string_view common_name) {
  Name name(X509_NAME_new());
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.data());
  if (!name || X509_NAME_add_entry_by_txt(name.get(), "CN", MBSTRING_UTF8, text,
                                          static_cast<int>(common_name.size()), -1, 0) != 1) {
    return crypto_error("make a name");
  }
  return name;
}

Result<void> set_serial(X509* certificate) {
  const Number number(BN_new());
  if (!number || BN_rand(number.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) != 1 ||
      !BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate))) {
    return crypto_error("make a serial number");
  }
  return {};
}

// All of a certificate but its extensions and the signature.
Result<Cert> draft(EVP_PKEY* key, const X509_NAME* subject, const X509_NAME* issuer) {
  Cert certificate(X509_new());
  const bool made =
      certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
      X509_set_pubkey(certificate.get(), key) == 1 &&
      X509_set_subject_name(certificate.get(), subject) == 1 &&
      X509_set_issuer_name(certificate.get(), issuer) == 1 &&
      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kClockSkew) &&
      X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kDays * kSecondsOfDay - kClockSkew);
  if (!made) {
    return crypto_error("make a certificate");
  }
  TRY(set_serial(certificate.get()));
  return certificate;
}

struct ExtensionText {
  int nid;
  std::string value;
};

Result<void> add_extensions(X509* certificate, X509* issuer,
                            std::initializer_list<ExtensionText> extensions) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  for (const ExtensionText& text : extensions) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, text.nid, text.value.c_str()));
    if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) {
      return crypto_error(fmt::format("{} = {}", OBJ_nid2sn(text.nid), text.value));
    }
  }
  return {};
}

Result<std::string> sign(X509* certificate, EVP_PKEY* key) {
  if (X509_sign(certificate, key, EVP_sha256()) == 0) {
    return crypto_error("sign a certificate");
  }
  return print("a certificate", [&](BIO* to) { return PEM_write_bio_X509(to, certificate); });
}

Result<std::string> make_request(EVP_PKEY* key, const X509_NAME* subject) {
  const SigningRequest request(X509_REQ_new());
  if (!request || X509_REQ_set_subject_name(request.get(), subject) != 1 ||
      X509_REQ_set_pubkey(request.get(), key) != 1 ||
      X509_REQ_sign(request.get(), key, EVP_sha256()) == 0) {
    return crypto_error("make a request");
  }
  return print("a request", [&](BIO* to) { return PEM_write_bio_X509_REQ(to, request.get()); });
}

// Called by libcrypto while it looks for primes.
int go_on(EVP_PKEY_CTX* context) {
  const auto* stopped =
      static_cast<const std::function<bool()>*>(EVP_PKEY_CTX_get_app_data(context));
  return (*stopped)() ? 0 : 1;
}

Result<Key> generate(config::TlsKey kind, const std::function<bool()>& stopped) {
  const bool is_rsa = kind == config::TlsKey::rsa4096;
  const KeyContext context(EVP_PKEY_CTX_new_id(is_rsa ? EVP_PKEY_RSA : EVP_PKEY_EC, nullptr));
  EVP_PKEY* key = nullptr;
  bool ready = context && EVP_PKEY_keygen_init(context.get()) == 1;
  if (ready && is_rsa) {
    EVP_PKEY_CTX_set_app_data(context.get(), const_cast<std::function<bool()>*>(&stopped));
    EVP_PKEY_CTX_set_cb(context.get(), go_on);
    ready = EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), kRsaBits) == 1;
  } else if (ready) {
    ready = EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context.get(), NID_X9_62_prime256v1) == 1;
  }
  if (!ready || EVP_PKEY_generate(context.get(), &key) != 1) {
    const Error failure = crypto_error("make a key");
    return stopped() ? Error("make a key", ECANCELED) : failure;
  }
  return Key(key);
}

} // namespace

std::string_view subject_of(Role role) {
  return role == Role::server ? "docker:dind server" : "docker:dind client";
}

std::string_view extended_usage_of(Role role) {
  return role == Role::server ? "serverAuth" : "clientAuth";
}

Result<std::string> make_key(config::TlsKey kind, const std::function<bool()>& stopped) {
  start_libcrypto();
  const Key key = TRY(generate(kind, stopped));
  return print("a key", [&](BIO* to) {
    return PEM_write_bio_PKCS8PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

Result<std::string> make_ca(const std::string& key_pem) {
  const Key key = TRY(read_key(key_pem));
  const Name name = TRY(make_name(kCaSubject));
  const Cert ca = TRY(draft(key.get(), name.get(), name.get()));
  // The issuer is known to clients by name and key alone: with its serial number, the
  // certificates of an earlier start would no longer hold.
  TRY(add_extensions(ca.get(), ca.get(),
                     {{NID_basic_constraints, "critical,CA:TRUE"},
                      {NID_key_usage, "critical,digitalSignature,keyCertSign"},
                      {NID_subject_key_identifier, "hash"},
                      {NID_authority_key_identifier, "keyid:always"}}));
  return sign(ca.get(), key.get());
}

Result<Certificate> make_certificate(Role role, const std::string& key_pem,
                                     const std::string& names, const std::string& ca_pem,
                                     const std::string& ca_key_pem) {
  const Key key = TRY(read_key(key_pem));
  const Key ca_key = TRY(read_key(ca_key_pem));
  const auto cas = TRY(read_certificates(ca_pem));
  X509* ca = cas.front().get();
  const Name subject = TRY(make_name(subject_of(role)));
  const Cert certificate = TRY(draft(key.get(), subject.get(), X509_get_subject_name(ca)));
  TRY(add_extensions(certificate.get(), ca,
                     {{NID_ext_key_usage, std::string(extended_usage_of(role))},
                      {NID_subject_key_identifier, "hash"},
                      {NID_authority_key_identifier, "keyid:always"}}));
  if (!names.empty()) {
    TRY(add_extensions(certificate.get(), ca, {{NID_subject_alt_name, names}}));
  }
  Certificate made;
  made.pem = TRY(sign(certificate.get(), ca_key.get()));
  made.request = TRY(make_request(key.get(), subject.get()));
  return made;
}

Result<void> check_certificate(const std::string& certificate_pem, const std::string& ca_pem,
                               const std::string& key_pem) {
  const auto chain = TRY(read_certificates(certificate_pem));
  const auto cas = TRY(read_certificates(ca_pem).within("of the CA"));
  const Key key = TRY(read_key(key_pem));
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    ERR_clear_error();
    return input_error("the certificate is of another key");
  }
  const Store store(X509_STORE_new());
  const StoreContext context(X509_STORE_CTX_new());
  const Chain between(sk_X509_new_null());
  bool ready = store && context && between;
  for (const Cert& ca : cas) {
    ready = ready && X509_STORE_add_cert(store.get(), ca.get()) == 1;
  }
  for (const Cert& certificate : chain) {
    ready = ready && sk_X509_push(between.get(), certificate.get()) > 0;
  }
  if (!ready ||
      X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), between.get()) != 1) {
    return crypto_error("check a certificate");
  }
  // As Go does, which reads it: any certificate of the CA's file is trusted.
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);
  if (X509_verify_cert(context.get()) != 1) {
    ERR_clear_error();
    return Error(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
  }
  return {};
}

Result<void> check_key(const std::string& key) {
  TRY(read_key(key));
  return {};
}

} // namespace dind::daemon

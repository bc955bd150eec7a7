#include <boot/network_values.hpp>
#include <boot/values.hpp>
#include <boot/variable_groups.hpp>

#include <cstdint>

namespace dind::boot {
namespace {

constexpr Choices<ActivateWish, 4> kActivate = {{{"auto", ActivateWish::automatic},
                                                 {"early", ActivateWish::early},
                                                 {"late", ActivateWish::late},
                                                 {"off", ActivateWish::off}}};
constexpr Choices<TlsKeyWish, 2> kTlsKey = {
    {{"p256", TlsKeyWish::p256}, {"rsa4096", TlsKeyWish::rsa4096}}};

Result<void> read_tcp_bind(const VariableReader& reader, std::string& into) {
  const auto value = reader.text("DIND_TCP_BIND");
  if (!value) {
    return {};
  }
  if (!is_ip_address(*value)) {
    return bad_value("DIND_TCP_BIND", *value, "not an IP address, such as 127.0.0.1");
  }
  into = *value;
  return {};
}

Result<void> read_bip(const VariableReader& reader, std::string& into) {
  const auto value = reader.text("DIND_BIP");
  if (!value) {
    return {};
  }
  if (!is_cidr(*value)) {
    return bad_value("DIND_BIP", *value,
                     "not the bridge's address with its prefix, such as 172.30.0.1/16");
  }
  into = *value;
  return {};
}

// In dockerd's own words for --default-address-pool.
Result<void> read_address_pools(const VariableReader& reader, std::vector<AddressPool>& into) {
  constexpr std::string_view kName = "DIND_DEFAULT_ADDRESS_POOLS";
  const auto value = reader.text(kName);
  if (!value) {
    return {};
  }
  for (const std::string& text : split(*value, "; ")) {
    const auto pool = parse_address_pool(text);
    if (!pool) {
      into.clear();
      break;
    }
    into.push_back(*pool);
  }
  return into.empty() ? bad_value(kName, *value,
                                  "not pools such as base=10.200.0.0/16,size=24, separated by "
                                  "\";\"")
                      : Result<void>();
}

Result<void> read_mtu(const VariableReader& reader, unsigned& into) {
  constexpr std::uint64_t kLeast = 68; // RFC 791
  constexpr std::uint64_t kMost = 65535;
  std::uint64_t mtu = into;
  TRY(reader.number("DIND_MTU", kLeast, kMost, mtu));
  into = static_cast<unsigned>(mtu);
  return {};
}

} // namespace

Result<EngineWishes> read_engine_wishes(const VariableReader& reader) {
  EngineWishes wishes;
  TRY(reader.choose("DIND_ACTIVATE", kActivate, wishes.activate));
  TRY(reader.choose("DIND_TLS_KEY", kTlsKey, wishes.tls_key));
  TRY(read_tcp_bind(reader, wishes.tcp_bind));
  TRY(reader.list("DIND_REGISTRY_MIRRORS", is_mirror_url,
                  "not URLs such as https://mirror.example, separated by \",\"",
                  wishes.registry_mirrors));
  TRY(reader.list("DIND_INSECURE_REGISTRIES", is_registry,
                  "not registries such as registry.example:5000 or 10.0.0.0/8, separated by \",\"",
                  wishes.insecure_registries));
  TRY(reader.list("DIND_DNS", is_ip_address, "not IP addresses, separated by \",\"", wishes.dns));
  TRY(read_bip(reader, wishes.bip));
  TRY(read_address_pools(reader, wishes.address_pools));
  TRY(read_mtu(reader, wishes.mtu));
  return wishes;
}

} // namespace dind::boot

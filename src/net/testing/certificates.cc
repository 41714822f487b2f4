#include "net/testing/certificates.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdlib>
#include <memory>

namespace mlnode::net {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Bundle = std::unique_ptr<PKCS12, Deleter<PKCS12_free>>;

template <class T>
T Must(T made) {
  if (!made) std::abort();
  return made;
}

std::string Text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Bio Reader(const std::string& text) { return Must(Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())))); }

Certificate ReadCertificate(const std::string& pem) {
  return Must(Certificate(PEM_read_bio_X509(Reader(pem).get(), nullptr, nullptr, nullptr)));
}

Key ReadKey(const std::string& pem) {
  return Must(Key(PEM_read_bio_PrivateKey(Reader(pem).get(), nullptr, nullptr, nullptr)));
}

KeyAndCertificate Write(X509* certificate, EVP_PKEY* key) {
  const Bio certificate_text = Must(Bio(BIO_new(BIO_s_mem())));
  const Bio key_text = Must(Bio(BIO_new(BIO_s_mem())));
  Must(PEM_write_bio_X509(certificate_text.get(), certificate));
  Must(PEM_write_bio_PrivateKey(key_text.get(), key, nullptr, nullptr, 0, nullptr, nullptr));
  return {.certificate = Text(certificate_text.get()), .key = Text(key_text.get())};
}

void Extend(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = Must(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate Blank(const std::string& name, EVP_PKEY* key) {
  static std::atomic<long> serial{1};
  Certificate certificate = Must(Certificate(X509_new()));
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial.fetch_add(1));
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

}  // namespace

KeyAndCertificate MakeAuthority(const std::string& name) {
  const Key key = Must(Key(EVP_EC_gen("P-256")));
  const Certificate certificate = Blank(name, key.get());
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  Extend(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  Must(X509_sign(certificate.get(), key.get(), EVP_sha256()));
  return Write(certificate.get(), key.get());
}

KeyAndCertificate Issue(const KeyAndCertificate& authority, const std::string& name) {
  const Certificate issuer = ReadCertificate(authority.certificate);
  const Key issuer_key = ReadKey(authority.key);
  const Key key = Must(Key(EVP_EC_gen("P-256")));
  const Certificate certificate = Blank(name, key.get());
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  Extend(certificate.get(), issuer.get(), NID_subject_alt_name, "IP:127.0.0.1");
  Must(X509_sign(certificate.get(), issuer_key.get(), EVP_sha256()));
  return Write(certificate.get(), key.get());
}

std::string ToPkcs12(const KeyAndCertificate& pair, const std::string& password) {
  const Certificate certificate = ReadCertificate(pair.certificate);
  const Key key = ReadKey(pair.key);
  const Bundle bundle =
      Must(Bundle(PKCS12_create(password.c_str(), "test", key.get(), certificate.get(), nullptr, 0, 0, 0, 0, 0)));
  const Bio out = Must(Bio(BIO_new(BIO_s_mem())));
  Must(i2d_PKCS12_bio(out.get(), bundle.get()));
  return Text(out.get());
}

}  // namespace mlnode::net

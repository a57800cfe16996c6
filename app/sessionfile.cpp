#include "app/sessionfile.h"

#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "analysis/error.h"
#include "widgets/wholefile.h"

namespace app {

namespace {

using Json = nlohmann::ordered_json;
constexpr qint64 maxFileBytes = 64 << 20;
constexpr int maxChannels = 1 << 20;
constexpr int version = 1;

// "16*126 8 12": runs keep 49,152 orders readable.
std::string runs(const std::vector<int>& values) {
  std::string out;
  for (std::size_t i = 0; i < values.size();) {
    std::size_t end = i;
    while (end < values.size() && values[end] == values[i]) ++end;
    if (!out.empty()) out += ' ';
    out += std::to_string(values[i]);
    if (end - i > 1) out += '*' + std::to_string(end - i);
    i = end;
  }
  return out;
}

[[noreturn]] void refuse(const QString& name, const std::string& what) {
  throw analysis::Error(analysis::ErrorKind::input, name.toStdString(), what,
                        "open a session that Polecat saved, or the checkpoint itself");
}

std::vector<int> expand(const std::string& text, const QString& name) {
  std::vector<int> out;
  for (const QString& word : QString::fromStdString(text).split(' ', Qt::SkipEmptyParts)) {
    const QStringView run = word;
    const qsizetype star = run.indexOf('*');
    bool isValue = false, isCount = true;
    const int value = run.left(star).toInt(&isValue);
    const int count = star < 0 ? 1 : run.mid(star + 1).toInt(&isCount);
    if (!isValue || !isCount || count < 1 || count > maxChannels - static_cast<int>(out.size()))
      refuse(name, "'" + word.left(40).toStdString() + "' is no run of numbers");
    out.insert(out.end(), static_cast<std::size_t>(count), value);
  }
  return out;
}

std::string text(const QString& value) {
  return value.toStdString();
}

// Fields read one by one: a missing key leaves the default.
class Reader {
 public:
  Reader(const Json& object, QString name) : m_object(object), m_name(std::move(name)) {
    if (!object.is_object()) refuse(m_name, "a part of it is no object");
  }
  template <class T>
  void read(const char* key, T& out) const {
    if (m_object.contains(key)) out = m_object.at(key).template get<T>();
  }
  void read(const char* key, QString& out) const {
    if (m_object.contains(key)) out = QString::fromStdString(m_object.at(key).get<std::string>());
  }
  const Json& part(const char* key) const {
    static const Json empty = Json::object();
    return m_object.contains(key) ? m_object.at(key) : empty;
  }
  const Json& list(const char* key) const {
    static const Json empty = Json::array();
    if (!m_object.contains(key)) return empty;
    if (!m_object.at(key).is_array()) refuse(m_name, std::string("'") + key + "' is no list");
    return m_object.at(key);
  }

 private:
  const Json& m_object;
  QString m_name;
};

Json plotJson(const SavedPlot& plot) {
  Json out = {{"name", plot.name}, {"logX", plot.logX}, {"logY", plot.logY}};
  if (plot.ranges) out["ranges"] = *plot.ranges;
  if (!plot.marks.empty()) out["marks"] = plot.marks;
  return out;
}

SavedPlot plotOf(const Json& json, const QString& name) {
  const Reader reader(json, name);
  SavedPlot out;
  reader.read("name", out.name);
  reader.read("logX", out.logX);
  reader.read("logY", out.logY);
  std::array<double, 4> ranges{};
  if (json.contains("ranges")) {
    reader.read("ranges", ranges);
    out.ranges = ranges;
  }
  reader.read("marks", out.marks);
  return out;
}

SessionState stateOf(const Json& json, const QString& folder, const QString& name) {
  const Reader top(json, name);
  std::string kind;
  int written = 0;
  top.read("polecat", kind);
  top.read("version", written);
  if (kind != "session") refuse(name, "it is JSON, but no session");
  if (written > version) refuse(name, "a newer Polecat wrote it");
  SessionState out;
  const Reader checkpoint(top.part("checkpoint"), name);
  QString relative;
  checkpoint.read("relative", relative);
  checkpoint.read("absolute", out.checkpoint);
  checkpoint.read("fingerprint", out.fingerprint);
  checkpoint.read("choices", out.choices);
  const QString beside = QDir(folder).absoluteFilePath(relative);
  if (!relative.isEmpty() && QFileInfo::exists(beside)) out.checkpoint = QDir::cleanPath(beside);
  for (const Json& entry : top.list("banks")) {
    const Reader reader(entry, name);
    SavedBank bank;
    std::string orders, locked;
    reader.read("path", bank.path);
    reader.read("orders", orders);
    reader.read("locked", locked);
    bank.orders = expand(orders, name);
    bank.locked = expand(locked, name);
    out.banks.push_back(std::move(bank));
  }
  const Reader plan(top.part("plan"), name);
  plan.read("tolerancePercent", out.tolerancePercent);
  plan.read("scope", out.scope);
  for (const char* key : {"hearing", "fitWeight"}) {  // the first is what it was called in older sessions
    const Reader fitWeight(plan.part(key), name);
    fitWeight.read("low", out.fitWeight.low);
    fitWeight.read("high", out.fitWeight.high);
    fitWeight.read("text", out.fitWeight.text);
  }
  plan.read("methods", out.methods);
  const Reader view(top.part("view"), name);
  view.read("selection", out.selection);
  view.read("preset", out.preset);
  view.read("search", out.search);
  view.read("sortColumn", out.sortColumn);
  view.read("sortDescending", out.sortDescending);
  view.read("switches", out.switches);
  view.read("spectrumQuantity", out.spectrumQuantity);
  for (const Json& plot : view.list("plots")) out.plots.push_back(plotOf(plot, name));
  std::string layout;
  view.read("layout", layout);
  out.layout = QByteArray::fromBase64(QByteArray::fromStdString(layout));
  const Reader generation(top.part("generation"), name);
  SavedGeneration& g = out.generation;
  generation.read("prompt", g.prompt);
  generation.read("tokens", g.tokens);
  generation.read("batch", g.batch);
  generation.read("seed", g.seed);
  generation.read("temperature", g.temperature);
  generation.read("topK", g.topK);
  generation.read("topP", g.topP);
  generation.read("transformer", g.transformer);
  generation.read("device", g.device);
  const Reader effect(top.part("effect"), name);
  effect.read("text", out.effect.text);
  effect.read("windows", out.effect.windows);
  effect.read("toleranceBits", out.effect.toleranceBits);
  const Reader reference(top.part("reference"), name);
  reference.read("pinned", out.reference.pinned);
  reference.read("file", out.reference.file);
  return out;
}

}  // namespace

std::string sessionText(const SessionState& s, const QString& folder) {
  Json banks = Json::array(), plots = Json::array();
  for (const SavedBank& bank : s.banks)
    banks.push_back({{"path", bank.path}, {"orders", runs(bank.orders)}, {"locked", runs(bank.locked)}});
  for (const SavedPlot& plot : s.plots) plots.push_back(plotJson(plot));
  const SavedGeneration& g = s.generation;
  const QString relative = s.checkpoint.isEmpty() ? QString() : QDir(folder).relativeFilePath(s.checkpoint);
  const Json json = {
      {"polecat", "session"},
      {"version", version},
      {"checkpoint",
       {{"relative", text(relative)},
        {"absolute", text(s.checkpoint)},
        {"fingerprint", text(s.fingerprint)},
        {"choices", s.choices}}},
      {"banks", banks},
      {"plan",
       {{"tolerancePercent", s.tolerancePercent},
        {"scope", s.scope},
        {"methods", s.methods},
        {"fitWeight", {{"low", s.fitWeight.low}, {"high", s.fitWeight.high}, {"text", text(s.fitWeight.text)}}}}},
      {"view",
       {{"selection", s.selection},
        {"preset", s.preset},
        {"search", text(s.search)},
        {"sortColumn", s.sortColumn},
        {"sortDescending", s.sortDescending},
        {"switches", s.switches},
        {"spectrumQuantity", s.spectrumQuantity},
        {"plots", plots},
        {"layout", s.layout.toBase64().toStdString()}}},
      {"generation",
       {{"prompt", text(g.prompt)},
        {"tokens", g.tokens},
        {"batch", g.batch},
        {"seed", g.seed},
        {"temperature", g.temperature},
        {"topK", g.topK},
        {"topP", g.topP},
        {"transformer", text(g.transformer)},
        {"device", text(g.device)}}},
      {"effect",
       {{"text", text(s.effect.text)},
        {"windows", s.effect.windows},
        {"toleranceBits", s.effect.toleranceBits}}},
      {"reference", {{"pinned", s.reference.pinned}, {"file", text(s.reference.file)}}}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

SessionState parseSession(const std::string& text, const QString& folder, const QString& name) {
  try {
    return stateOf(Json::parse(text), folder, name);
  } catch (const Json::parse_error&) {
    refuse(name, "it is no readable JSON");
  } catch (const Json::exception&) {
    refuse(name, "a value in it has the wrong type");
  }
}

SessionState readSession(const QString& path) {
  const QFileInfo info(path);
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) refuse(info.fileName(), "it cannot be read");
  if (file.size() > maxFileBytes) refuse(info.fileName(), "it is too large for a session");
  return parseSession(file.readAll().toStdString(), info.absolutePath(), info.fileName());
}

QString writeWhole(const QString& path, const std::string& text) {
  return widgets::writeWhole(path, QByteArray::fromRawData(text.data(), static_cast<qsizetype>(text.size())));
}

QString fingerprint(const QString& path) {
  constexpr qint64 piece = 1 << 20;
  QCryptographicHash hash(QCryptographicHash::Sha256);
  if (const QFileInfo info(path); info.isDir()) {
    for (const QFileInfo& entry : QDir(path).entryInfoList(QDir::Files, QDir::Name))
      hash.addData(QStringLiteral("%1 %2\n").arg(entry.fileName()).arg(entry.size()).toUtf8());
    return QString::fromLatin1(hash.result().toHex());
  }
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) return {};
  hash.addData(QByteArray::number(file.size()) + '\n');
  hash.addData(file.read(piece));
  if (file.size() > piece && file.seek(std::max(piece, file.size() - piece))) hash.addData(file.read(piece));
  return QString::fromLatin1(hash.result().toHex());
}

}  // namespace app

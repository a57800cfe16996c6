// The program as a shell sees it, for tests: run it, look at exit code, stdout and stderr.
#pragma once

#include <QByteArray>
#include <QFloat16>  // complete before the JSON library looks for conversions
#include <QProcess>
#include <QStringList>
#include <nlohmann/json.hpp>

struct Result {
  int exit = -1;
  QByteArray out, err;

  nlohmann::json json() const { return nlohmann::json::parse(out.toStdString(), nullptr, false); }
};

// -1 as exit code: it crashed or did not end.
inline Result polecat(const QStringList& words, const QString& folder = {}) {
  QProcess process;
  if (!folder.isEmpty()) process.setWorkingDirectory(folder);
  process.start(POLECAT_BINARY, words);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr int patience = 1'800'000;  // milliseconds; sanitized code is many times slower
#else
  constexpr int patience = 300'000;
#endif
  if (!process.waitForFinished(patience)) {
    process.kill();
    process.waitForFinished();
    return {};
  }
  return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1, process.readAllStandardOutput(),
          process.readAllStandardError()};
}

// One line, with a subject and an end.
inline bool isOneSentence(const QByteArray& text) {
  return text.startsWith("polecat: ") && text.endsWith(".\n") && text.count('\n') == 1;
}

inline QString sample() {
  return QStringLiteral(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
}
inline QString sampleText() {
  return QStringLiteral(POLECAT_RESOURCES "/sample/novels-validation.txt");
}

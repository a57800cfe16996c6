#include "app/sound.h"

#include <QTemporaryFile>
#include <QUrl>
#ifdef POLECAT_SOUND
#include <QSoundEffect>
#endif
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "app/sessionfile.h"

namespace app {

namespace {

void append(std::string& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

}  // namespace

std::string wave(std::span<const double> taps, int samplesPerSecond) {
  double loudest = 0;
  for (const double tap : taps)
    if (std::isfinite(tap)) loudest = std::max(loudest, std::abs(tap));
  const auto count = static_cast<std::uint32_t>(taps.size() + static_cast<std::size_t>(samplesPerSecond) / 4);
  const auto rate = static_cast<std::uint32_t>(samplesPerSecond);
  std::string out = "RIFF";
  append(out, 36 + 2 * count, 4);
  out += "WAVEfmt ";
  append(out, 16, 4);
  append(out, 1, 2);  // PCM
  append(out, 1, 2);  // mono
  append(out, rate, 4);
  append(out, 2 * rate, 4);
  append(out, 2, 2);
  append(out, 16, 2);
  out += "data";
  append(out, 2 * count, 4);
  for (std::uint32_t i = 0; i < count; ++i) {
    const double tap = i < taps.size() && std::isfinite(taps[i]) && loudest > 0 ? taps[i] / loudest : 0;
    append(out, static_cast<std::uint16_t>(std::lround(0.9 * 32767 * tap)), 2);
  }
  return out;
}

Sound::Sound(QObject* parent) : QObject(parent) {}
Sound::~Sound() = default;

bool Sound::canPlay() {
#ifdef POLECAT_SOUND
  return true;
#else
  return false;
#endif
}

QString Sound::play(std::span<const double> taps) {
#ifdef POLECAT_SOUND
  // The effect plays from a file, which must live as long as it plays.
  auto file = std::make_unique<QTemporaryFile>();
  const std::string bytes = wave(taps, samplesPerSecond);
  if (!file->open() || file->write(bytes.data(), static_cast<qint64>(bytes.size())) < 0 || !file->flush())
    return tr("The sound could not be written to a temporary file: %1").arg(file->errorString());
  if (!m_effect) m_effect = new QSoundEffect(this);
  m_effect->stop();
  m_effect->setSource(QUrl::fromLocalFile(file->fileName()));
  m_file = std::move(file);
  m_effect->play();
  return {};
#else
  Q_UNUSED(taps)
  return tr("This build cannot play sounds (Qt Multimedia was missing); save the sound as a file instead.");
#endif
}

QString Sound::save(std::span<const double> taps, const QString& path) {
  return writeWhole(path, wave(taps, samplesPerSecond));
}

}  // namespace app

#include "app/filtersearch.h"

#include <QCoreApplication>
#include <QRegularExpression>
#include <algorithm>
#include <array>

namespace app {

namespace {

struct KeyName {
  const char* name;
  SearchKey key;
};
constexpr std::array<KeyName, 14> keyNames{{{"layer", SearchKey::layer},
                                            {"channel", SearchKey::channel},
                                            {"ch", SearchKey::channel},
                                            {"op", SearchKey::operatorIndex},
                                            {"err", SearchKey::error},
                                            {"error", SearchKey::error},
                                            {"order", SearchKey::order},
                                            {"ratio", SearchKey::ratio},
                                            {"energy", SearchKey::energy},
                                            {"length", SearchKey::length},
                                            {"eff", SearchKey::effectiveLength},
                                            {"radius", SearchKey::radius},
                                            {"locked", SearchKey::locked},
                                            {"suggested", SearchKey::suggested}}};

}  // namespace

FilterSearch FilterSearch::parse(const QString& expression, QString* problem) {
  static const QRegularExpression comparison(QStringLiteral("^([a-z]+)(>=|<=|>|<|=|:)(.+)$"),
                                             QRegularExpression::CaseInsensitiveOption);
  FilterSearch out;
  for (const QString& word : expression.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
    const auto match = comparison.match(word);
    if (!match.hasMatch()) {
      out.m_terms.push_back({Relation::contains, SearchKey::layer, 0, word});
      continue;
    }
    const QString keyText = match.captured(1).toLower();
    const auto key = std::find_if(keyNames.begin(), keyNames.end(),
                                  [&](const KeyName& k) { return keyText == QLatin1String(k.name); });
    QString numberText = match.captured(3);
    const bool percent = numberText.endsWith(QLatin1Char('%'));
    if (percent) numberText.chop(1);
    bool isNumber = false;
    const double number = numberText.toDouble(&isNumber) * (percent ? 0.01 : 1);
    if (key == keyNames.end() || !isNumber) {
      if (problem)
        *problem =
            key == keyNames.end()
                ? QCoreApplication::translate("FilterSearch",
                                              "“%1” is no known quantity; try layer, channel, err, order, ratio, "
                                              "energy, length, eff, radius, suggested or locked.")
                      .arg(keyText)
                : QCoreApplication::translate("FilterSearch", "“%1” is not a number; write for example err>1e-2.")
                      .arg(match.captured(3));
      return {};
    }
    const QString sign = match.captured(2);
    const Relation relation = sign == QLatin1String(">")    ? Relation::greater
                              : sign == QLatin1String(">=") ? Relation::greaterOrEqual
                              : sign == QLatin1String("<")  ? Relation::less
                              : sign == QLatin1String("<=") ? Relation::lessOrEqual
                                                            : Relation::equal;
    out.m_terms.push_back({relation, key->key, number, {}});
  }
  if (problem) problem->clear();
  return out;
}

bool FilterSearch::asksName() const {
  return std::any_of(m_terms.begin(), m_terms.end(),
                     [](const Term& term) { return term.relation == Relation::contains; });
}

bool FilterSearch::matches(const QString& name, const std::function<double(SearchKey)>& value) const {
  return std::all_of(m_terms.begin(), m_terms.end(), [&](const Term& term) {
    if (term.relation == Relation::contains) return name.contains(term.text, Qt::CaseInsensitive);
    const double x = value(term.key);
    switch (term.relation) {
      case Relation::equal:
        return x == term.number;
      case Relation::less:
        return x < term.number;
      case Relation::lessOrEqual:
        return x <= term.number;
      case Relation::greater:
        return x > term.number;
      case Relation::greaterOrEqual:
        return x >= term.number;
      case Relation::contains:
        break;
    }
    return false;
  });
}

}  // namespace app

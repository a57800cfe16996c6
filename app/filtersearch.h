// The search line of the filter table: terms separated by spaces, all of which must hold.
//   layer:3        one layer          channel:5, op:1
//   err>1e-2       comparisons (> >= < <= =) on err, order, ratio, energy, length, eff, radius, locked
//   0.1            anything else must occur in the filter's name
#pragma once

#include <QString>
#include <functional>
#include <vector>

namespace app {

enum class SearchKey { layer, channel, operatorIndex, error, order, ratio, energy, length, effectiveLength, radius, locked, suggested };

class FilterSearch {
 public:
  // Matches everything.
  FilterSearch() = default;
  // On a term that cannot be read `problem` gets one sentence and the result matches everything.
  static FilterSearch parse(const QString& expression, QString* problem);

  bool empty() const { return m_terms.empty(); }
  // Whether matches() looks at the name at all.
  bool asksName() const;
  // `value` gives the number behind a key; NaN (not known yet) fails every comparison.
  bool matches(const QString& name, const std::function<double(SearchKey)>& value) const;

 private:
  enum class Relation { equal, less, lessOrEqual, greater, greaterOrEqual, contains };
  struct Term {
    Relation relation = Relation::contains;
    SearchKey key = SearchKey::layer;
    double number = 0;
    QString text;
  };
  std::vector<Term> m_terms;
};

}  // namespace app

#include "widgets/accessibleplot.h"

#include <QAccessible>
#include <QAccessibleWidget>

#include "widgets/plot.h"

namespace widgets {
namespace {

class AccessiblePlot : public QAccessibleWidget {
 public:
  explicit AccessiblePlot(Plot* plot) : QAccessibleWidget(plot, QAccessible::Chart), m_plot(plot) {}

  QString text(QAccessible::Text kind) const override {
    if (kind == QAccessible::Value) return m_plot->valueText();
    return QAccessibleWidget::text(kind);
  }

 private:
  Plot* m_plot;
};

QAccessibleInterface* makePlotInterface(const QString&, QObject* object) {
  auto* plot = qobject_cast<Plot*>(object);
  return plot ? new AccessiblePlot(plot) : nullptr;
}

}  // namespace

void installPlotAccessibility() {
  static const bool installed = [] {
    QAccessible::installFactory(makePlotInterface);
    return true;
  }();
  Q_UNUSED(installed)
}

}  // namespace widgets

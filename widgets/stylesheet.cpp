#include "widgets/stylesheet.h"

#include <array>
#include <utility>

namespace widgets {
namespace {

// {name} stands for a colour, {4} for a length on the grid in scaled pixels.
constexpr char sheet[] = R"(
QToolTip { background: {raised}; color: {text}; border: 1px solid {border}; padding: {4}px {6}px; }
QMainWindow::separator { background: {panel}; width: {6}px; height: {6}px; }
QMainWindow::separator:hover { background: {accent}; }
QDockWidget { color: {text}; }
QDockWidget::title { background: {panel}; padding: {6}px {8}px; text-align: left; }

QPushButton, QToolButton { background: {raised}; color: {text}; border: 1px solid {border}; border-radius: {6}px;
  padding: {4}px {12}px; min-height: {20}px; }
QToolButton { padding: {4}px {6}px; }
QToolBar { background: {panel}; border: none; spacing: {4}px; padding: {4}px; }
QToolBar QToolButton { background: transparent; border-color: transparent; }
QPushButton:hover, QToolButton:hover, QToolBar QToolButton:hover { background: {hover}; border-color: {border}; }
QPushButton:pressed, QToolButton:pressed, QPushButton:checked, QToolButton:checked,
QToolBar QToolButton:checked { background: {selection}; border-color: {accent}; }
QPushButton:default { border-color: {accent}; color: {accent}; }
QPushButton:disabled, QToolButton:disabled { color: {faded}; }
QToolButton::menu-indicator { image: none; }

QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox, QComboBox { background: {surface}; color: {text};
  border: 1px solid {border}; border-radius: {6}px; padding: {4}px {8}px; selection-background-color: {selection};
  selection-color: {text}; }
QLineEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled { color: {faded}; }
QLineEdit, QAbstractSpinBox, QComboBox { min-height: {20}px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { border: none; width: {16}px; background: transparent; }
QAbstractSpinBox::up-arrow { image: url(:/polecat/icons/chevron-up-{tone}.svg); width: {12}px; height: {12}px; }
QAbstractSpinBox::down-arrow { image: url(:/polecat/icons/chevron-down-{tone}.svg); width: {12}px; height: {12}px; }
QComboBox::drop-down { border: none; width: {20}px; }
QComboBox::down-arrow { image: url(:/polecat/icons/chevron-down-{tone}.svg); width: {12}px; height: {12}px; }
QComboBox QAbstractItemView { background: {surface}; border: 1px solid {border}; outline: none; padding: {4}px; }

QPushButton:focus, QToolButton:focus, QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QAbstractSpinBox:focus,
QComboBox:focus, QAbstractItemView:focus { border: {focus}px solid {accent}; }

QAbstractItemView { background: {surface}; alternate-background-color: {panel}; border: 1px solid {border};
  border-radius: {6}px; selection-background-color: {selection}; selection-color: {text}; outline: none; }
QAbstractItemView::indicator, QCheckBox::indicator, QMenu::indicator { width: {12}px; height: {12}px;
  border: 1px solid {muted}; border-radius: {3}px; background: {surface}; }
QAbstractItemView::indicator:checked, QCheckBox::indicator:checked, QMenu::indicator:checked {
  background: {accent}; border-color: {accent}; image: url(:/polecat/icons/check-{tone}.svg); }
QAbstractItemView::indicator:disabled, QCheckBox::indicator:disabled { border-color: {grid}; }
QMenu::indicator { margin-left: {6}px; }
QMenu::indicator:exclusive { border-radius: {6}px; }
QHeaderView { background: {panel}; border: none; }
QHeaderView::section { background: {panel}; color: {muted}; border: none; border-bottom: 1px solid {border};
  padding: {4}px {8}px; }
QTableView { gridline-color: {grid}; }
QTableCornerButton::section { background: {panel}; border: none; }

QMenuBar { background: {panel}; color: {text}; padding: {2}px; }
QMenuBar::item { padding: {4}px {8}px; border-radius: {4}px; background: transparent; }
QMenuBar::item:selected { background: {selection}; }
QMenu { background: {raised}; color: {text}; border: 1px solid {border}; padding: {4}px; }
QMenu::item { padding: {6}px {24}px {6}px {12}px; border-radius: {4}px; }
QMenu::item:selected { background: {selection}; }
QMenu::item:disabled { color: {faded}; }
QMenu::separator { height: 1px; background: {border}; margin: {4}px {8}px; }

QTabBar { qproperty-drawBase: 0; }
QTabBar::tab { background: transparent; color: {muted}; padding: {6}px {12}px; border: none;
  border-bottom: {2}px solid transparent; }
QTabBar::tab:selected { color: {text}; border-bottom-color: {accent}; }
QTabBar::tab:hover { color: {text}; }
QTabBar::tab:focus { background: {selection}; }
QTabWidget::pane { border: none; }
QStatusBar { background: {panel}; color: {muted}; }
QStatusBar::item { border: none; }
QProgressBar { background: {grid}; color: {text}; border: none; border-radius: {4}px; text-align: center; }
QProgressBar::chunk { background: {accent}; border-radius: {4}px; }
QGroupBox { border: 1px solid {border}; border-radius: {6}px; margin-top: {12}px; padding: {8}px; }
QGroupBox::title { subcontrol-origin: margin; left: {8}px; color: {muted}; }
QSplitter::handle { background: {panel}; }
QSplitter::handle:hover { background: {accent}; }

QScrollBar { background: transparent; border: none; margin: 0; }
QScrollBar:vertical { width: {10}px; }
QScrollBar:horizontal { height: {10}px; }
QScrollBar::handle { background: {border}; border-radius: {3}px; margin: {2}px; }
QScrollBar::handle:hover { background: {muted}; }
QScrollBar::handle:vertical { min-height: {24}px; }
QScrollBar::handle:horizontal { min-width: {24}px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
)";

QString rgba(const QColor& colour) {
  return QStringLiteral("rgba(%1,%2,%3,%4)")
      .arg(colour.red())
      .arg(colour.green())
      .arg(colour.blue())
      .arg(colour.alpha());
}

}  // namespace

QString styleSheet(const Theme& theme) {
  QColor hover = theme.colour(Role::Selection);
  hover.setAlpha(140);
  QColor faded = theme.colour(Role::MutedText);
  faded.setAlpha(140);
  const std::array<std::pair<const char*, QColor>, 11> colours = {{
      {"{surface}", theme.colour(Role::Surface)},
      {"{panel}", theme.colour(Role::Panel)},
      {"{raised}", theme.colour(Role::Raised)},
      {"{border}", theme.colour(Role::Border)},
      {"{text}", theme.colour(Role::Text)},
      {"{muted}", theme.colour(Role::MutedText)},
      {"{grid}", theme.colour(Role::Grid)},
      {"{accent}", theme.colour(Role::Accent)},
      {"{selection}", theme.colour(Role::Selection)},
      {"{hover}", hover},
      {"{faded}", faded},
  }};
  QString result = QString::fromLatin1(sheet);
  for (const auto& [name, colour] : colours) result.replace(QLatin1String(name), rgba(colour));
  result.replace(QLatin1String("{tone}"), theme.isDark() ? "dark" : "light");
  result.replace(QLatin1String("{focus}"), theme.scheme() == Scheme::HighContrast ? "2" : "1");
  for (const int pixels : {2, 3, 4, 6, 8, 10, 12, 16, 20, 24}) {
    result.replace(QStringLiteral("{%1}").arg(pixels), QString::number(qRound(pixels * theme.scale())));
  }
  return result;
}

}  // namespace widgets

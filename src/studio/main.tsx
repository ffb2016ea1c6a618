import { render } from 'preact'
import './styles/tokens.css'
import './styles/base.css'
import './styles/layout.css'
import './styles/make.css'
import './styles/direct.css'
import './styles/watch.css'
import './styles/gallery.css'
import './styles/compare.css'
import { App } from './app.tsx'
import { applyTheme } from './theme.ts'

applyTheme()
render(<App />, document.getElementById('studio')!)

import { render } from 'preact'
import '../styles/tokens.css'
import '../styles/base.css'
import '../styles/docs.css'
import { applyTheme } from '../theme.ts'
import { DocsPage } from './docs-page.tsx'

applyTheme()
render(<DocsPage />, document.getElementById('docs')!)

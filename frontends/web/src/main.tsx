import { render } from 'preact';
import './style.css';
import './rooms.css';
import { begin } from './store';
import { App } from './ui/App';

begin();
const root = document.getElementById('app');
if (root) {
  render(<App />, root);
}

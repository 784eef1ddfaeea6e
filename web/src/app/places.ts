import CalendarDays from '@lucide/svelte/icons/calendar-days';
import DoorOpen from '@lucide/svelte/icons/door-open';
import FolderInput from '@lucide/svelte/icons/folder-input';
import LayoutDashboard from '@lucide/svelte/icons/layout-dashboard';
import ListChecks from '@lucide/svelte/icons/list-checks';
import Menu from '@lucide/svelte/icons/menu';
import Presentation from '@lucide/svelte/icons/presentation';
import Settings from '@lucide/svelte/icons/settings';
import Smartphone from '@lucide/svelte/icons/smartphone';
import TriangleAlert from '@lucide/svelte/icons/triangle-alert';
import type { Component } from 'svelte';
import type { Key } from '../i18n/words.svelte';

type Role = 'coordinator' | 'finance' | 'staff' | 'presenter';

export interface Place {
    path: string;
    name: Key;
    icon: Component<{ size?: number | string }>;
    /** Stands in the bar of a phone; the others are under "more" there. */
    near: boolean;
}

const door: Place = { path: '/door', name: 'door', icon: DoorOpen, near: true };
const rooms: Place = { path: '/rooms', name: 'rooms', icon: ListChecks, near: true };
const settings: Place = { path: '/settings', name: 'settings', icon: Settings, near: true };
const lists: Place = { path: '/lists', name: 'lists', icon: CalendarDays, near: true };

const places: Record<Role, Place[]> = {
    staff: [door, rooms, lists, settings],
    presenter: [
        { path: '/mine', name: 'mine', icon: Presentation, near: true },
        { ...lists, name: 'program' },
        settings,
    ],
    finance: [lists, settings],
    coordinator: [
        { path: '/overview', name: 'overview', icon: LayoutDashboard, near: true },
        { path: '/tasks', name: 'tasks', icon: TriangleAlert, near: true },
        door,
        rooms,
        { ...lists, near: false },
        { path: '/devices', name: 'devices', icon: Smartphone, near: false },
        { path: '/files', name: 'files', icon: FolderInput, near: false },
        { ...settings, near: false },
    ],
};

export const more: Place = { path: '/more', name: 'more', icon: Menu, near: true };

export const placesOf = (role: Role): Place[] => places[role];
export const home = (role: Role): string => places[role][0]?.path ?? '/settings';
